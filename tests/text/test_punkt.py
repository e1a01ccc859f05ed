import subprocess
import sys
from pathlib import Path

_TOP = Path(__file__).parents[2]


def _run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=_TOP, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_sentences_are_cut_without_the_rest_of_nltk() -> None:
    assert not _run(
        "import sys; from tasks.text.sentences import sentences; sentences('One. Two.');"
        "print(*sorted({'numpy', 'nltk', 'nltk.tokenize', 'nltk.corpus'} & set(sys.modules)))"
    )


def test_whoever_imports_nltk_later_finds_it_whole() -> None:
    assert (
        _run(
            "from tasks.text.sentences import sentences; import nltk;"
            "print(len(nltk.WordPunctTokenizer().tokenize('So it is.')), len(sentences('One. Two.')))"
        )
        == "4 2"
    )


def test_whoever_imported_nltk_before_keeps_it() -> None:
    assert (
        _run(
            "import sys, nltk; from tasks.text.sentences import sentences;"
            "print(sys.modules['nltk'] is nltk, len(sentences('One. Two.')))"
        )
        == "True 2"
    )
