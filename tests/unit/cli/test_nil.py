"""What is not there is empty, and stays null in JSON."""

from __future__ import annotations

from cuddy.cli import document, nil
from cuddy.cli.template import Template

RECORD = {"ExecIDs": None, "HostConfig": {"Binds": None, "Init": None}, "Config": {"Labels": None}}


def render(form: str) -> str:
    return Template(form).render(nil.shown(RECORD))


def test_by_its_name_it_is_empty() -> None:
    assert render("{{.ExecIDs}} {{.HostConfig.Binds}} {{.Config.Labels}}") == "[] [] map[]"
    assert render("{{.HostConfig.Tmpfs}} {{len .HostConfig.Binds}}") == "map[] 0"


def test_in_json_it_is_as_it_was() -> None:
    assert render("{{json .HostConfig.Binds}} {{json .Config.Labels}}") == "null null"
    assert render("{{json .}}") == document.compact(RECORD)


def test_other_nulls_stay() -> None:
    assert render("{{json .HostConfig.Init}}") == "null"


def test_a_section_may_lack_what_docker_has_a_pointer_for() -> None:
    record = {"State": {"Pid": 0}, "HostConfig": {}, "Config": {"User": ""}}
    form = "{{.State.Health}} {{.Config.StopTimeout}} {{.SizeRw}}{{.Config.StopSignal}}"
    assert Template(form).render(nil.shown(record), nothing="<nil>") == "<nil> <nil> <nil>"
    assert Template("{{if .State.Health}}x{{end}}").render(nil.shown(record)) == ""
    assert Template("{{json .State}}").render(nil.shown(record)) == '{"Pid":0}'


def test_a_network_of_a_container_has_lists_and_maps_too() -> None:
    record = {"NetworkSettings": {"Networks": {"a": {"Links": None, "DriverOpts": None}}}}
    form = "{{range .NetworkSettings.Networks}}{{.Links}} {{.DriverOpts}}{{end}}"
    assert Template(form).render(nil.shown(record)) == "[] map[]"


def test_what_is_no_document_is_left_alone() -> None:
    assert nil.shown([1]) == [1]
