"""Names, paths and ids find the right model, and what is missing is said."""

import hashlib
from pathlib import Path

import pytest

from fscompress import parts, store
from fscompress.errors import ModelFileError, ModelNotFoundError, RefusedError
from tests.conftest import ROOT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder searched, with two files that are models as far as their names go."""
    monkeypatch.setattr(store, "folders", lambda: [tmp_path])
    (tmp_path / "first.safetensors").write_bytes(b"one")
    (tmp_path / "second.safetensors").write_bytes(b"two")
    (tmp_path / "second.float16.safetensors").write_bytes(b"float weights")
    return tmp_path


def id_of(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_installed_lists_models_and_no_masters(folder: Path) -> None:
    assert [(model.name, model.id, model.n_bytes) for model in store.installed()] == [
        ("first", id_of(b"one"), 3),
        ("second", id_of(b"two"), 3),
    ]


def test_usual_search_reads_the_named_file_first(folder: Path) -> None:
    assert next(store.installed("second")).name == "second"


def test_found_by_name_path_and_id(folder: Path) -> None:
    second = folder / "second.safetensors"
    assert store.find_model("second") == second
    assert store.find_model(str(second)) == second
    assert store.find_model(id_of(b"two").hex()[:16]) == second
    assert store.find_model(id_of(b"two").hex().upper()) == second


@pytest.mark.parametrize("wanted", ["third", "f" * 64, id_of(b"two").hex()[:7], "no/such.safetensors"])
def test_missing_model_is_exit_4(folder: Path, wanted: str) -> None:
    with pytest.raises(ModelNotFoundError, match=f"model '?{wanted}") as caught:
        store.find_model(wanted)
    assert caught.value.exit_code == 4


def test_missing_model_says_what_there_is(folder: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=rf"installed: first, second; searched: {folder}"):
        store.find_model("third")


def test_models_in_parts_are_found_as_if_whole(folder: Path) -> None:
    second = folder / "second.safetensors"
    parts.split_file(second, 1)
    parts.split_file(folder / "second.float16.safetensors", 5)
    assert [(m.name, m.id, m.n_bytes, m.n_parts) for m in store.installed()] == [
        ("first", id_of(b"one"), 3, 0),
        ("second", id_of(b"two"), 3, 3),
    ]
    for wanted in ("second", str(second), f"{second}.01", id_of(b"two").hex()[:16]):
        assert store.find_model(wanted) == second
    assert store.find_by_id(id_of(b"two")[:8], "second") == second


def test_a_damaged_model_does_not_hide_the_others(folder: Path) -> None:
    parts.split_file(folder / "first.safetensors", 1)
    (folder / "first.safetensors.sha256").unlink()
    damaged, whole = store.installed()
    assert (damaged.name, damaged.id, whole.trouble) == ("first", b"", "")
    assert "is missing; it lists the parts" in damaged.trouble
    assert store.find_by_id(id_of(b"two")[:8], "second") == whole.path
    with pytest.raises(ModelNotFoundError, match=r"first\.safetensors\.sha256: is missing"):
        store.find_by_id(id_of(b"one")[:8], "first")


def test_what_cannot_be_read_does_not_hide_the_others(folder: Path) -> None:
    (folder / "a.safetensors").symlink_to(folder / "nothing")
    (folder / "b.safetensors").mkdir()
    first, second, *whole = store.installed()
    assert [first.trouble, second.trouble] == [
        f"{folder / 'a.safetensors'}: cannot be read (No such file or directory)",
        f"{folder / 'b.safetensors'}: cannot be read (Is a directory)",
    ]
    assert store.find_by_id(id_of(b"two")[:8], "second") == whole[1].path
    assert store.find_model(id_of(b"two").hex()[:16]) == whole[1].path


def test_header_of_one_file_and_of_parts(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(tiny_model.read_bytes())
    parts.split_file(path, 999)
    assert store.read_header(path) == store.read_header(tiny_model)
    path.write_bytes(b"no model")
    parts.split_file(path, 3)
    with pytest.raises(ModelFileError, match="not a readable"):
        store.read_header(path)


def test_weights_are_counted_as_the_readme_counts_them() -> None:
    assert store.count_weights(store.read_header(ROOT / "models" / "default.safetensors")[1]) == 1_466_112


def test_ambiguous_id(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    same = [store.Installed(name, folder / name, bytes([1] * 8 + [last] * 24)) for name, last in (("a", 1), ("b", 2))]
    monkeypatch.setattr(store, "installed", lambda preferred="": iter(same))
    with pytest.raises(RefusedError, match="several ids"):
        store.find_model("01" * 8)


def test_find_by_id(folder: Path) -> None:
    assert store.find_by_id(id_of(b"two")[:8], "second") == folder / "second.safetensors"
    assert store.find_by_id(id_of(b"two")[:8], "renamed since") == folder / "second.safetensors"


def test_given_file_is_taken_only_if_it_is_the_one(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    given = tmp_path_factory.mktemp("elsewhere") / "mine.safetensors"
    given.write_bytes(b"three")
    assert store.find_by_id(id_of(b"three")[:8], "mine", given) == given
    assert store.find_by_id(id_of(b"one")[:8], "first", given) == folder / "first.safetensors"
    with pytest.raises(ModelNotFoundError) as caught:
        store.find_by_id(bytes(8), "lost", given)
    message = str(caught.value)
    assert "'lost'" in message
    assert "0000000000000000" in message
    assert f"{given} is another one" in message
    assert str(folder) in message


def test_folders_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FSCOMPRESS_MODELS", str(tmp_path))
    assert store.folders()[0] == tmp_path
    assert store.folders()[1:] == [ROOT / "models"]
    monkeypatch.delenv("FSCOMPRESS_MODELS")
    assert store.folders() == [ROOT / "models"]


def test_metadata(tiny_model: Path, folder: Path) -> None:
    assert store.read_metadata(tiny_model)["architecture"] == "fs-lstm"
    assert not store.is_checkpoint(tiny_model)
    with pytest.raises(ModelFileError, match="not a readable"):
        store.read_metadata(folder / "first.safetensors")


def test_finder_reads_a_model_once(installed: Path) -> None:
    model = store.load()
    find = store.finder()
    assert find(model.id[:8], model.name).id == model.id
    assert find(model.id[:8], model.name) is find(model.id[:8], model.name)


def test_a_wheel_has_its_models_inside_and_what_is_beside_it_is_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("fscompress/_models", "models"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(store, "_PACKAGE", tmp_path / "fscompress")
    assert store.folders() == [tmp_path / "fscompress" / "_models"]
