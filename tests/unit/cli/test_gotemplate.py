"""Templates behind ``--format``: what Go's text/template makes of the same text and the same values."""

from __future__ import annotations

import pytest

from orchestrator.cli.gotemplate import Template
from orchestrator.cli.render import formats
from orchestrator.cli.render.formats import Shape
from orchestrator.errors import UsageError

VALUE = {
    "Name": "shop-web-1",
    "Service": "web",
    "Count": 3,
    "Share": 0.25,
    "Up": True,
    "Nothing": None,
    "Ports": [{"URL": "127.0.0.1", "Port": 80}, {"URL": "", "Port": 81}],
    "Labels": {"b": "2", "a": "1"},
    "Empty": [],
    "Words": "one,two,three",
    "Label": lambda key: {"a": "1"}.get(key, ""),
}

RENDERED = [
    # text, fields and trimming
    ("plain", "plain"),
    ("", ""),
    ("{{.Name}}", "shop-web-1"),
    ("<{{ .Name }}>", "<shop-web-1>"),
    ("a  {{- .Name -}}  b", "ashop-web-1b"),
    ("a{{/* nothing }} here */}}b", "ab"),
    ("a {{- /* trims */ -}} b", "ab"),
    ("{{.Labels.a}} {{.Labels.c}}", "1 <no value>"),
    ("{{.Nothing}}", "<nil>"),
    ("{{.Up}} {{.Count}} {{.Share}}", "true 3 0.25"),
    ("{{.Labels}} {{.Empty}}", "map[a:1 b:2] []"),
    ("{{.Ports}}", "[map[Port:80 URL:127.0.0.1] map[Port:81 URL:]]"),
    ('{{"}}"}}{{`raw\\n`}}', "}}raw\\n"),
    (r'{{"tab\tquote\"\u00e9"}}', 'tab\tquote"é'),
    ("{{'a'}} {{0x10}} {{1.5}} {{-2}} {{true}}", "97 16 1.5 -2 true"),
    # functions of Docker's
    ("{{json .}}", None),
    ("{{json .Ports}}", '[{"Port":80,"URL":"127.0.0.1"},{"Port":81,"URL":""}]'),
    ("{{json .Name}} {{json .Nothing}}", '"shop-web-1" null'),
    ('{{join (split .Words ",") "+"}}', "one+two+three"),
    ("{{upper .Name}} {{.Name | lower}} {{title .Service}}", "SHOP-WEB-1 shop-web-1 Web"),
    ("{{truncate .Name 4}}|{{pad .Service 1 2}}|", "shop| web  |"),
    ("{{println .Name .Count}}{{print 1 2 .Name 3 4}}", "shop-web-1 3\n1 2shop-web-13 4"),
    ('{{.Label "a"}}{{.Label "b"}}', "1"),
    # functions of Go's
    ("{{len .Ports}} {{len .Name}} {{len .Labels}}", "2 10 2"),
    ('{{index .Labels "a"}} {{index .Ports 1 "Port"}} {{(index .Ports 0).URL}}', "1 81 127.0.0.1"),
    ("{{slice .Name 5 8}} {{slice .Name 9}}", "web 1"),
    ('{{printf "%s has %d (%.1f%%) %v %q %t" .Name .Count .Share .Up .Service .Up}}', None),
    ('{{printf "[%-8s|%5d|%05d|%x]" .Service .Count .Count 255}}', "[web     |    3|00003|ff]"),
    ('{{printf "%d" .Name}} {{printf "%s"}}', "%!d(string=shop-web-1) %!s(MISSING)"),
    ('{{.Name | printf "%s-%s" .Service}}', "web-shop-web-1"),
    ('{{html "<a>"}} {{urlquery "a b&c"}}', "&lt;a&gt; a+b%26c"),
    ('{{eq .Service "db" "web"}} {{ne .Count 3}} {{lt .Count 4}} {{ge "b" "a"}}', "true false true true"),
    (
        "{{and .Up .Name}} {{or .Nothing .Service}} {{not .Empty}} {{and .Nothing (index .Empty 9)}}",
        "shop-web-1 web true <nil>",
    ),
    # control
    ("{{if .Up}}yes{{else}}no{{end}}", "yes"),
    ("{{if .Empty}}yes{{else if eq .Count 3}}three{{else}}no{{end}}", "three"),
    ("{{range .Ports}}{{.Port}},{{end}}", "80,81,"),
    ("{{range $i, $p := .Ports}}{{if $i}}, {{end}}{{$p.Port}}{{end}}", "80, 81"),
    ("{{range $key, $value := .Labels}}{{$key}}={{$value}} {{end}}", "a=1 b=2 "),
    ("{{range .Empty}}x{{else}}none{{end}}", "none"),
    ("{{range $one := .Ports}}{{$one.Port}}{{break}}{{end}}", "80"),
    ("{{range .Ports}}{{if eq .Port 80}}{{continue}}{{end}}{{.Port}}{{end}}", "81"),
    ("{{range 3}}{{.}}{{end}}", "012"),
    ("{{with .Service}}{{.}} of {{$.Name}}{{end}}", "web of shop-web-1"),
    ("{{with .Nothing}}x{{else}}nothing{{end}}", "nothing"),
    ("{{$n := .Count}}{{$n}}{{$n = 4}}{{$n}}", "34"),
    ("{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{end}}{{$x}}", "2"),
    ("{{(.Name)}}{{((len .Name))}}", "shop-web-110"),
]


@pytest.mark.parametrize(("template", "expected"), [case for case in RENDERED if case[1] is not None])
def test_a_template_is_filled_in_as_go_does_it(template: str, expected: str) -> None:
    assert expected == Template(template).render(VALUE)


def test_json_of_everything_leaves_functions_out() -> None:
    import json

    found = json.loads(Template("{{json .}}").render(VALUE))
    assert {key: value for key, value in VALUE.items() if key != "Label"} == found
    assert list(found) == sorted(found)


def test_printf_knows_the_usual_verbs() -> None:
    template = '{{printf "%s has %d (%.1f%%) %v %q %t" .Name .Count .Share .Up .Service .Up}}'
    assert 'shop-web-1 has 3 (0.2%) true "web" true' == Template(template).render(VALUE)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{.Nmae}}", "no field Nmae; did you mean .Name?"),
        ("{{.Name", "not closed"),
        ("{{}}", "empty"),
        ("{{if .Up}}x", "no {{end}}"),
        ("{{end}}", "nothing was begun"),
        ("{{lowr .Name}}", "'lowr' is not defined; did you mean lower?"),
        ("{{.Name.Part}}", "has no field Part"),
        ("{{upper}}", "wrong number of values"),
        ("{{index .Ports 7}}", "out of range"),
        ("{{lt .Name 3}}", "incompatible types"),
        ("{{$x}}", "not defined"),
        ("{{(.Name}}", "not closed"),
        ("{{.Name | }}", "missing"),
        ("{{.Name & }}", "unexpected"),
        ("{{range .Name}}{{end}}", "cannot go over"),
        ("{{.Name 1}}", "no function"),
        ('{{define "x"}}{{end}}', "not known here"),
        ("{{break}}", "nothing was begun"),
        ('{{"\\d"}}', "unexpected"),
    ],
)
def test_what_is_wrong_with_a_template_is_said(template: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        Template(template).render(VALUE)
    assert message in refused.value.message


SHAPE = Shape(columns=("ID", "Name"), headings={"Name": "NAMES"}, raw="id: {{.ID}}\nname: {{.Name}}\n")
RECORDS = [{"ID": "1", "Name": "one", "Label": str}, {"ID": "22", "Name": "two <b>", "Label": str}]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("", "ID        NAMES\n1         one\n22        two <b>\n"),
        ("json", '{"ID":"1","Name":"one"}\n{"ID":"22","Name":"two <b>"}\n'),
        ("{{.ID}}", "1\n22\n"),
        ("{{.ID}}\\t{{.Name}}", "1\tone\n22\ttwo <b>\n"),
        ("table {{.Name}}\\t{{.ID}}", "NAMES     ID\none       1\ntwo <b>   22\n"),
        ('table {{upper .Name}}\\t{{.Label "x"}}', "NAMES     x\nONE       x\nTWO <B>   x\n"),
        ("raw", "id: 1\nname: one\n\nid: 22\nname: two <b>\n\n"),
    ],
)
def test_lists_are_shown_as_asked_for(how: str, expected: str) -> None:
    assert expected == formats.text(how, RECORDS, SHAPE)


def test_an_array_is_one_line_of_json() -> None:
    assert '[{"ID":"1"}]\n' == formats.text("json", [{"ID": "1"}], Shape(columns=("ID",), array=True))
    assert "[]\n" == formats.text("json", [], Shape(columns=("ID",), array=True))
    assert "ID\n" == formats.text("table {{.ID}}", [], Shape(columns=("ID",)))
