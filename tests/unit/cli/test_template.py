"""Templates: what docker 28.2.2 printed for them, word for word."""

# ruff: noqa: E501 - a template and what it gives stand on one line

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.cli.template import Template, Unfit
from cuddy.cli.template_tokens import BadTemplate
from cuddy.errors import UsageError

DATA: dict[str, Any] = {
    "Name": "default",
    "Client": {"Version": "28.2.2", "Os": "linux", "Arch": "amd64"},
    "Labels": {"a.b": "1", "c": "2"},
    "Mounts": [{"Source": "/a"}, {"Source": "/b"}],
    "Nothing": None,
    "Count": 5,
    "Half": 1.5,
    "Running": True,
    "Empty": [],
    "Label": lambda name: {"a": "b"}.get(name, ""),
}


def render(source: str) -> str:
    return Template(source).render(DATA)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{.Client.Version}}", "28.2.2"),
        ("a{{.Client.Os}}b{{.Count}}", "alinuxb5"),
        ("{{.Running}} {{.Half}} {{.Nothing}} {{.Empty}}", "true 1.5 <no value> []"),
        ("{{.Labels}} {{.Mounts}}", "map[a.b:1 c:2] [map[Source:/a] map[Source:/b]]"),
        ("{{json .Labels}}", '{"a.b":"1","c":"2"}'),
        ("{{.Client | json}}", '{"Version":"28.2.2","Os":"linux","Arch":"amd64"}'),
        ("{{json nil}} {{json .Nothing}} {{json .Half}}", "null null 1.5"),
        ('{{json "a<b>é"}}', '"a<b>é"'),
        ('{{index .Labels "a.b"}} [{{index .Labels "x"}}]', "1 []"),
        ("{{(index .Mounts 1).Source}}", "/b"),
        ("{{with index .Mounts 0}}{{.Source}}{{end}}", "/a"),
        ("{{range .Mounts}}{{.Source}},{{end}}", "/a,/b,"),
        ("{{range $i, $m := .Mounts}}{{$i}}={{$m.Source}} {{end}}", "0=/a 1=/b "),
        ("{{range $k, $v := .Labels}}{{$k}}={{$v}} {{end}}", "a.b=1 c=2 "),
        ("{{range .Empty}}x{{else}}none{{end}}", "none"),
        ("{{range 3}}{{.}}{{end}}", "012"),
        ('{{range split "a,b,c" ","}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}', "ac"),
        ('{{range split "a,b,c" ","}}{{if eq . "b"}}{{break}}{{end}}{{.}}{{end}}', "a"),
        ('{{if eq .Client.Os "linux"}}yes{{else}}no{{end}}', "yes"),
        ("{{if false}}a{{else if .Running}}b{{else}}c{{end}}", "b"),
        ("{{with .Empty}}a{{else with .Count}}{{.}}{{end}}", "5"),
        ("{{with $y := 3}}{{$y}}{{.}}{{end}}", "33"),
        ("{{if not .Empty}}none{{end}}", "none"),
        ("{{$x := 5}}{{$x}} {{$x = 6}}{{$x}}", "5 6"),
        ("{{range .Mounts}}{{$.Name}} {{end}}", "default default "),
        ('{{.Label "a"}}{{.Label "z"}}{{"a" | .Label}}', "bb"),
        ('{{.Client.Version | upper | printf "%s!"}}', "28.2.2!"),
        ('{{join (split "a,b" ",") "-"}} {{title "hello wORLD"}} {{lower "ABC"}}', "a-b Hello WORLD abc"),
        ('{{pad "x" 2 3}}|{{truncate "abcdef" 3}}|{{slice "abcdef" 1 3}}', "  x   |abc|bc"),
        ('{{println "x" 1}}{{print 1 2 "a" "b" 3}}', "x 1\n1 2ab3"),
        ('{{len "é"}} {{len .Mounts}} {{len .Labels}}', "2 2 2"),
        ('{{and 1 0}} {{or 0 "x"}} {{and .Running "yes"}} {{or .Empty .Nothing false}}', "0 x yes false"),
        ("{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 2.5 1.5}} {{ne .Name .Name}} {{eq 1 2 1}}",
         "true true false true false true"),
        ("{{eq .Count 5 | not}}", "false"),
        ("{{- .Name -}}   x  {{- 1}}", "defaultx1"),
        ("a {{- /* why */ -}} b{{/* why not */}}", "ab"),
        ("{{1.5}} {{1e3}} {{0x10}} {{true}} {{'a'}} {{`raw\\n`}} {{\"a\\tb\\u00e9\"}}",
         "1.5 1000 16 true 97 raw\\n a\tbé"),
        ("{{.Client.Os}} }}", "linux }}"),
        ('{{"}}"}}', "}}"),
        ("{{ 12345678901234567890123 }}", "12345678901234567890123"),
    ],
)  # fmt: skip
def test_what_docker_prints(source: str, shown: str) -> None:
    assert render(source) == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('{{printf "%s-%q-%v-%5s|%-5s|%d" "a" "b\\"c" true "x" "y" 12}}', 'a-"b\\"c"-true-    x|y    |12'),
        ('{{printf "%d %s %s" "x" 5}}', "%!d(string=x) %!s(int=5) %!s(MISSING)"),
        ('{{printf "%x %X %o %b %c %t" 255 255 8 5 65 true}}', "ff FF 10 101 A true"),
        ('{{printf "%e %f %.2f %08.3f %+d %6d|%-6d|%%" 1.5 1.5 1.555 3.14159 5 42 42}}',
         "1.500000e+00 1.500000 1.55 0003.142 +5     42|42    |%"),
        ('{{printf "%T %x" 5 "hi"}}', "int 6869"),
        ('{{printf "%s" 1 2}}', "%!s(int=1)%!(EXTRA int=2)"),
        ('{{printf "%v" .Mounts}}', "[map[Source:/a] map[Source:/b]]"),
    ],
)  # fmt: skip
def test_printf(source: str, shown: str) -> None:
    assert render(source) == shown


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{", "unclosed action"),
        ("{{.Name", "unclosed action"),
        ("a\n{{.Name", "unclosed action"),
        ("{{foo}}", 'function "foo" not defined'),
        ("{{$z}}", 'undefined variable "$z"'),
        ("{{if}}{{end}}", "missing value for if"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{if true}}x", "unexpected EOF"),
        ("{{range .Mounts}}", "unexpected EOF"),
        ("{{break}}", "{{break}} outside {{range}}"),
        ('{{"abc}}', "unterminated quoted string"),
        ("{{.Name}", "bad character U+007D '}'"),
        ("{{5 | 6}}", "non executable command in pipeline stage 2"),
        ("{{true.foo}}", 'unexpected . after term "true"'),
        ("{{}}", "missing value for command"),
        ("{{(1}}", "unclosed left paren"),
        ("{{/* x", "unclosed comment"),
    ],
)
def test_what_cannot_be_read_is_told_in_gos_words(source: str, message: str) -> None:
    with pytest.raises(BadTemplate) as caught:
        Template(source)
    line = 2 if source.startswith("a\n") else 1
    assert caught.value.message == f"template parsing error: template: :{line}: {message}"
    assert caught.value.exit_code == 64


@pytest.mark.parametrize(
    ("source", "where", "message"),
    [
        ("{{.Foo}}", "1:2: executing \"\" at <.Foo>", 'map has no entry for key "Foo"'),
        ("{{.Name.Foo}}", "1:7: executing \"\" at <.Name.Foo>", "can't evaluate field Foo in type string"),
        ("x\n {{.Nothing.Foo}}", "2:11: executing \"\" at <.Nothing.Foo>", "can't evaluate field Foo in nil data"),
        ("{{eq .Name 1}}", "1:2: executing \"\" at <eq .Name 1>",
         "error calling eq: incompatible types for comparison"),
        ("{{len 5}}", "1:2: executing \"\" at <len 5>", "error calling len: len of type int"),
        ('{{index (split "a" ",") 5}}', '1:2: executing "" at <index (split "a" ",") 5>',
         "error calling index: index out of range: 5"),
        ('{{"x" "y"}}', '1:2: executing "" at <"x">', "can't give argument to non-function \"x\""),
        ('{{.Name "x"}}', '1:2: executing "" at <.Name>', "Name has arguments but cannot be invoked as function"),
        ("{{range 5.5}}{{end}}", '1:8: executing "" at <5.5>', "range can't iterate over 5.5"),
        ("{{upper}}", '1:2: executing "" at <upper>', "wrong number of args for upper: want 1 got 0"),
        ('{{upper "a" "b"}}', '1:2: executing "" at <upper>', "wrong number of args for upper: want 1 got 2"),
        ("{{upper 5}}", '1:2: executing "" at <upper 5>', "error calling upper: expected string; found 5"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_gos_words(source: str, where: str, message: str) -> None:
    with pytest.raises(Unfit) as caught:
        render(source)
    assert caught.value.message == f"template: :{where}: {message}"
    assert caught.value.exit_code == 1


def test_blocks_give_back_the_dot_and_the_variables() -> None:
    assert (
        render("{{$x := 1}}{{range .Mounts}}{{$x = 2}}{{$y := 3}}{{end}}{{$x}}{{.Name}}")
        == "2default"
    )
    with pytest.raises(BadTemplate, match="undefined variable"):
        Template("{{range .Mounts}}{{$y := 3}}{{end}}{{$y}}")


TOKENS = ["{{", "}}", "{{-", "-}}", ".", ".A", "$", "$x", "if", "range", "end", "else", "with", "|",
          "(", ")", ":=", "=", ",", " ", "\n", '"s"', "'c'", "`", '"', "5", "1.5", "json", "len", "eq",
          "printf", "%d", "index", "and", "break", "/*", "*/", "text"]  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS), max_size=12))
def test_any_template_is_rendered_or_refused(words: list[str]) -> None:
    try:
        Template("".join(words)).render({"A": {"A": [1, "x"]}})
    except UsageError:
        pass


@given(st.text(max_size=40))
def test_any_text_in_an_action_is_rendered_or_refused(text: str) -> None:
    try:
        Template("{{" + text + "}}").render({"A": 1})
    except UsageError:
        pass
