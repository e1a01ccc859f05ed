"""The examples of the services' own pages, as they stand there, must work with the service that imitates them."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import skip_reasons
from tests.services.service import Service
from tests.services.sounds import decode, encode, frequency_of, heard, named, tone

PAGES = Path(__file__).parents[3] / "shared" / "services"
pytestmark = [
    pytest.mark.pages,
    pytest.mark.skipif(not PAGES.is_dir(), reason=skip_reasons.PAGES),
]


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        yield running


def example(page: str, place: int = 0) -> str:
    """A Python example of a page, the first unless another is asked for."""
    found: list[str] = re.findall(
        r"^```python *\n(.*?)^```", (PAGES / page).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return found[place]


def run(code: str, folder: Path, *values: str) -> str:
    """Run an example in a folder; what it prints."""
    command = [sys.executable, "-c", code, *values]
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(data: bytes, text: str) -> None:
    samples = decode(data)
    assert heard(samples, 24000) == frequency_of(text)
    assert len(samples) / 24000 == pytest.approx(len(text) / 15, abs=0.15)


def of_aimlapi(page: str, service: Service) -> str:
    code = example(page)
    for old, new in (("https://api.aimlapi.com", service.url), ("<YOUR_AIMLAPI_KEY>", service.key)):
        assert old in code
        code = code.replace(old, new)
    return code


@pytest.mark.parametrize("page", ["aura.md", "aura-2.md"])
def test_the_pages_that_save_a_file(page: str, service: Service, tmp_path: Path) -> None:
    code = of_aimlapi(page, service)
    printed = run(code, tmp_path)
    assert printed == "Audio saved to: audio.wav\n"
    assert service.spoken[0] in code
    check((tmp_path / "audio.wav").read_bytes(), service.spoken[0])


@pytest.mark.parametrize("page", ["tts-1.md", "octave-2.md"])
def test_the_pages_that_print_a_link(page: str, service: Service, tmp_path: Path) -> None:
    code = of_aimlapi(page, service)
    link = re.search(r"http://[^\s\"]+", run(code, tmp_path))
    assert link
    data = httpx.get(link[0], follow_redirects=True).raise_for_status().content
    assert service.spoken[0] in code
    check(data, service.spoken[0])


def mended(code: str) -> str:
    """Give back what the page's comments swallowed: its line breaks were lost, so code stands behind a `#`.

    A comment ends where a keyword argument begins; and the bracket that a comment ends with is code's.
    """
    code = re.sub(r"#[^#\n]*?(?=\b\w+=)", "", code)
    return re.sub(r"#[^#\n]*([)\]}]) *$", r"\1", code, flags=re.MULTILINE)


def test_the_page_of_auralis(service: Service, tmp_path: Path) -> None:
    text = "The reference recording lends its voice to this sentence."
    (tmp_path / "reader.wav").write_bytes(encode(tone("a reader", 8, 22050), named("wav", 22050)))
    code = mended(example("auralis.md"))
    assert "http://127.0.0.1:8000" in code
    code = code.replace("http://127.0.0.1:8000", service.url)
    # What the page takes from elsewhere: a module that it does not import, and two variables.
    given = "import base64, sys\nreference_audio_path, text = sys.argv[1:]\n"
    run(given + code, tmp_path, "reader.wav", text)
    assert service.spoken == [text]
    check((tmp_path / "output.mp3").read_bytes(), text)


def mended_stream(code: str) -> str:
    """Give back the lines of the example that streams: its comments end where code goes on, and a statement begins a line."""
    code = re.sub(r"continue (?=if )", "continue\n ", code)
    code = re.sub(r"(?<=\)) (?=elif )", "\n ", code)
    code = re.sub(r"# Process (audio|text) ", "\n  ", code)
    return re.sub(r"#Do something.*", "", code)


def test_the_page_of_auralis_streams(service: Service, tmp_path: Path) -> None:
    (tmp_path / "reader.wav").write_bytes(encode(tone("a reader", 8, 22050), named("wav", 22050)))
    code = mended_stream(example("auralis.md", 1))
    # What the page takes from elsewhere: its first example's client, and two variables; and a look at what has come.
    given = (
        "import base64, sys\nfrom openai import OpenAI\nreference_audio_path, prompt = sys.argv[1:]\n"
        f"client = OpenAI(api_key='your-api-key', base_url='{service.url}/v1/')\n"
    )
    looked_at = "\nfor number, sound in enumerate(audio_chunks):\n open(f'{number}.wav', 'wb').write(sound)\n"
    service.behave(told_words=90)
    printed = run(given + code + looked_at, tmp_path, "reader.wav", "Tell me of the rain.").replace("None", "")
    assert printed.startswith("Passage 0. So goes telling 1: Tell me of the rain. Thus it is told.")
    # Forty words at a time, as the example asks for.
    sounds = sorted(tmp_path.glob("[0-9]*.wav"))
    assert len(sounds) == len(printed.split()) // 40 + 1
    first = decode(sounds[0].read_bytes())
    assert heard(first[: round(0.2 * 24000)], 24000) == frequency_of("Passage")
