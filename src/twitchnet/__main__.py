"""``python -m twitchnet``: the same as the command ``twitchnet``."""

from twitchnet.cli.main import main

if __name__ == "__main__":
    main()
