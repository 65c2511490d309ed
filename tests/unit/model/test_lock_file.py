import fcntl
import os
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from model.lock_file import locked
from tests.servers import until

OWNER, OTHER, GROUP = 4001, 4002, 4003


@contextmanager
def held(path):
    """The lock is held by another open file, as by another process."""
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def acting_as(user, group):
    """In the block the permissions are those of this user, a member of this group too, with a umask that gives nothing."""
    before, mask = os.getgroups(), os.umask(0o077)
    os.setgroups([group])
    os.setegid(user)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)
        os.umask(mask)


@pytest.fixture
def folder():
    """A folder that any user can get to."""
    with tempfile.TemporaryDirectory() as made:
        os.chmod(made, 0o755)
        yield Path(made, "registry")


def is_held(path):
    """Whether the lock cannot be taken now."""
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_it_is_held_for_the_block_and_released_after_it_also_after_an_error(tmp_path):
    path = tmp_path / ".lock"
    with locked(path):
        assert is_held(path)
    assert not is_held(path)
    with pytest.raises(ZeroDivisionError), locked(path):
        raise ZeroDivisionError
    assert not is_held(path)


def test_a_command_that_waits_says_for_what_and_then_goes_on(tmp_path, shell):
    path = tmp_path / "models" / ".lock"
    path.parent.mkdir()
    command = "delivery-risk model challenge --none --in models"
    with held(path):
        assert shell(f"{command} > done 2> said & while ! [ -s said ]; do sleep 0.1; done").returncode == 0
        assert (tmp_path / "said").read_text() == "models/.lock: locked by another process; waiting until that is done\n"
        assert (tmp_path / "done").read_text() == ""
    assert until(lambda: (tmp_path / "done").read_text() == "models: nothing is tried beside the current version\n")


def test_who_need_not_wait_says_nothing(tmp_path, caplog):
    for _ in range(2):
        with locked(tmp_path / ".lock"):
            pass
    assert caplog.text == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as other users")
@pytest.mark.parametrize(("maker", "mode"), [(0, 0o755), (0, 0o700), (OTHER, 0o775), (OTHER, 0o777), (OWNER, 0o755)])
def test_the_owner_of_the_folder_can_take_it_also_where_another_user_made_it(folder, maker, mode):
    folder.mkdir()
    os.chown(folder, OWNER, GROUP)
    folder.chmod(mode)
    for user, group in ((maker, GROUP), (OWNER, OWNER), (0, 0)):
        with acting_as(user, group), locked(folder / ".lock"):
            assert is_held(folder / ".lock")
    made = (folder / ".lock").stat()
    assert (made.st_uid, made.st_gid, stat.S_IMODE(made.st_mode)) == (maker or OWNER, GROUP, 0o644 | mode & 0o022)


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("victim"), lambda path: path.symlink_to("nowhere")])
def test_a_link_in_its_place_is_not_followed(tmp_path, make):
    (tmp_path / "victim").write_text("kept")
    (tmp_path / "victim").chmod(0o600)
    make(tmp_path / ".lock")
    with pytest.raises(OSError, match="symbolic links"), locked(tmp_path / ".lock"):
        pass
    assert stat.S_IMODE((tmp_path / "victim").stat().st_mode) == 0o600
    assert not (tmp_path / "nowhere").exists()
