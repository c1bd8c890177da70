"""How long does an answer take in a web service under load?

    python benchmarks/serving.py --workers 2 --seconds 20

Starts the service of docs/serving.md under uvicorn, asks it typical questionnaires of
``twitchy_legs`` from some clients at once, and prints percentiles of the time of an answer: with
compiled kernels, since they are on disk after ``twitchnet warm-up``, and each worker loads them
after its first records, which are left out.
"""

from __future__ import annotations

import argparse
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np

import twitchnet as tn
from twitchnet.model.sampling import hide, sample

PAGE = Path(__file__).parents[1] / "docs" / "serving.md"


def service() -> str:
    """The first block of the page: the module with the endpoint."""
    found = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert found
    return found[1]


def questionnaires(count: int, seed: int) -> list[dict[str, str]]:
    """Typical records of the model: 80 % of the contexts and 60 % of the findings answered."""
    network = tn.load("twitchy_legs").network
    rng = np.random.default_rng(seed)
    codes = hide(sample(network, count, rng), network, rng=rng)
    nodes = network.nodes
    return [
        {nodes[i].name: nodes[i].states[row[i]] for i in np.flatnonzero(row >= 0)} for row in codes
    ]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def ask(url: str, records: list[dict[str, str]], until: float, times: list[float]) -> None:
    """One client: record after record until the time is up; seconds of each answer."""
    with httpx.Client(timeout=60) as client:
        for record in records * 1000:
            start = time.perf_counter()
            if time.monotonic() > until:
                return
            client.post(url, json=record).raise_for_status()
            times.append(time.perf_counter() - start)


def wait_for(url: str, process: subprocess.Popen[Any]) -> None:
    while process.poll() is None:
        try:
            httpx.post(url, json={}, timeout=60)
            return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit("the service did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    tn.warm_up()
    records = questionnaires(400, chosen.seed)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "service.py").write_text(service(), encoding="utf-8")
        port = free_port()
        url = f"http://127.0.0.1:{port}/diagnose"
        words = [sys.executable, "-m", "uvicorn", "service:app", "--port", str(port)]
        words += ["--workers", str(chosen.workers), "--log-level", "warning"]
        process = subprocess.Popen(words, cwd=folder)
        try:
            wait_for(url, process)
            for seconds in (5.0, chosen.seconds):  # the first round warms up
                times: list[float] = []
                until = time.monotonic() + seconds
                shares = [records[i :: chosen.clients] for i in range(chosen.clients)]
                crew = [
                    threading.Thread(target=ask, args=(url, share, until, times))
                    for share in shares
                ]
                for one in crew:
                    one.start()
                for one in crew:
                    one.join()
        finally:
            process.terminate()
            process.wait()
    cuts = statistics.quantiles(times, n=100)
    print(
        f"{len(times):,} answers in {chosen.seconds:.0f} s by {chosen.workers} workers to "
        f"{chosen.clients} clients: median {cuts[49] * 1e3:.1f} ms, 90 % {cuts[89] * 1e3:.1f} ms, "
        f"99 % {cuts[98] * 1e3:.1f} ms, longest {max(times) * 1e3:.0f} ms"
    )


if __name__ == "__main__":
    main()
