import subprocess
import sys
from pathlib import Path

# Decodes in a process group that is sent Ctrl-C without end: whoever does not look away in time is killed by it.
HAIL = """
import io, os, signal, threading, time, wave
from tasks.audio import ffmpeg

sound = io.BytesIO()
with wave.open(sound, "wb") as file:
    file.setparams((1, 2, 8_000, 0, "NONE", ""))
    file.writeframes(bytes(1_600))
signal.signal(signal.SIGINT, lambda *_: None)

def hail():
    while True:
        os.killpg(0, signal.SIGINT)
        time.sleep(0.0005)

threading.Thread(target=hail, daemon=True).start()
for _ in range(40):
    decoded, _ = ffmpeg.pipe(["-f", "wav", "-i", "pipe:0", "-f", "s16le", "pipe:1"], sound.getvalue(), "decoding")
    assert len(decoded) == 1_600
    ffmpeg.run(["-f", "lavfi", "-i", "anullsrc=d=0.1", "-f", "null", "-"], "measuring")
"""


def test_what_is_begun_while_signals_come_is_not_killed_by_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HAIL],
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
