"""Run the service alone, until SIGTERM or SIGINT: `python -m tests.services --behaviour '{"latency_seconds": 0.2}'`."""

import argparse
import json
import signal

from tests.services.service import Service


def main() -> None:
    """Say in one line where the service is, then wait."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--behaviour", type=json.loads, default={}, metavar="JSON")
    options = parser.parse_args()
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with Service(options.port, **options.behaviour) as service:
        print(json.dumps({"url": service.url, "cdn": service.cdn, "key": service.key}), flush=True)  # noqa: T201
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
