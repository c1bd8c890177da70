"""``python -m twitchnet``: the same as the command ``twitchnet``."""

from twitchnet.cli import main

if __name__ == "__main__":
    main()
