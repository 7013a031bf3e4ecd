"""Each rule of the style checker finds its fault, and nothing in sound text."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from c_source import functions  # noqa: E402
from check_style import check_text, read_exceptions  # noqa: E402

SOUND = """/* A file. */
#include "base/buf.h"

static int add(int a, int b) {
    return a + b; /* free(a) in a comment */
}
"""


def rules(place: str, text: str) -> list[str]:
    return [rule for rule, _, _ in check_text(place, text)]


def test_sound_source_has_no_findings() -> None:
    assert rules("src/aws/a.c", SOUND) == []


@pytest.mark.parametrize("word", ["malloc", "free", "printf", "abort", "exit", "strcpy", "atoi"])
def test_banned_word_is_found_where_it_is_banned(word: str) -> None:
    text = f"void f(void) {{\n    {word}(0);\n}}\n"
    assert rules("src/aws/a.c", text) == ["banned"]
    assert rules("python/_core/a.c", text) == ["banned"]
    assert rules("tests/unit/aws/a.c", text) == []


def test_longer_names_members_and_strings_are_not_banned_words() -> None:
    text = 'void f(void) {\n    ath__free(p);\n    op->type->free(p);\n    g("exit(1)");\n}\n'
    assert rules("src/aws/a.c", text) == []


def test_base_may_allocate_but_not_end_the_process() -> None:
    assert rules("src/base/a.c", "void f(void) {\n    malloc(1);\n}\n") == []
    assert rules("src/base/a.c", "void f(void) {\n    abort();\n}\n") == ["banned"]


def test_long_file_is_found() -> None:
    assert rules("src/aws/a.c", "\n" * 801) == ["file"]
    assert rules("src/aws/a.c", "\n" * 800) == []


def test_long_function_is_found_with_its_name() -> None:
    body = "    g();\n" * 69
    long = f"int f(\n    int a,\n    int b) {{\n{body}out:\n    return 0;\n}}\n"
    assert rules("src/aws/a.c", long) == ["function f"]
    assert rules("src/aws/a.c", f"int f(void) {{\n{'    g();' + chr(10)}}}\n" * 70) == []


def test_long_python_function_is_found() -> None:
    text = "def f() -> None:\n" + "    g()\n" * 70
    assert rules("python/pyathena/a.py", text) == ["function f"]
    told = 'def f() -> None:\n    """A.\n' + "\n" * 60 + '    """\n' + "    g()\n" * 69
    assert rules("python/pyathena/a.py", told) == []


def test_functions_are_told_from_structs_and_tables() -> None:
    text = "struct s {\n    int a;\n};\n\nstatic const int t[] = {\n    1,\n};\n\n" + SOUND
    assert [(f.name, f.lines) for f in functions(text)] == [("add", 3)]


def test_tabs_blanks_and_unfinished_work_are_found() -> None:
    assert rules("src/aws/a.c", "\tint a;\n") == ["tab"]
    assert rules("src/aws/a.c", "int a; \n") == ["blank"]
    word = "TO" + "DO"
    assert rules("python/pyathena/a.py", f"# {word}: more\n") == ["unfinished"]


def test_public_symbol_without_comment_is_found() -> None:
    bare = "ATH_API int ath_client_count(void);\n"
    assert rules("include/athena/a.h", bare) == ["comment"]
    assert rules("include/athena/a.h", "/* Their number. */\n" + bare) == []
    assert rules("include/athena/a.h", "/* Another thing. */\n\n" + bare) == ["comment"]
    assert rules("include/athena/a.h", "struct ath_a {\n    int a;\n};\n") == ["comment"]
    assert rules("include/athena/a.h", "#define ATH_A 1\n") == ["comment"]
    assert rules("include/athena/a.h", "#define ATH_A 1 /* a limit */\n") == []


def test_line_comment_in_a_public_header_is_found() -> None:
    assert rules("include/athena/a.h", "// a comment\n") == ["comment"]
    assert rules("include/athena/a.h", '/* "//" is in http:// too */\n') == []


def test_exception_needs_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "exceptions.txt"
    path.write_text("# comment\n\nsrc/a.c | file | a table\n")
    assert read_exceptions(path) == {("src/a.c", "file")}
    path.write_text("src/a.c | file |\n")
    with pytest.raises(SystemExit):
        read_exceptions(path)
