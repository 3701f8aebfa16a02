"""The files of a layer, and the zip that is the same for the same files."""

import zipfile
from pathlib import Path


def files(folder: Path) -> list[Path]:
    """Return every file below a folder, in a fixed order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def size(folder: Path) -> int:
    """Return the size of the files below a folder, in bytes."""
    return sum(path.stat().st_size for path in files(folder))


def pack(opt: Path, zipped: Path) -> None:
    """Zip what lies at /opt, without the time and the umask of this machine."""
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files(opt):
            path.chmod(0o755 if ".so" in path.suffixes else 0o644)
            entry = zipfile.ZipInfo(str(path.relative_to(opt)), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = path.stat().st_mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def largest(packages: Path) -> str:
    """Return the five largest packages, with their sizes."""
    sizes = {top.name: size(top) for top in packages.iterdir() if top.is_dir()}
    most = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    return ", ".join(f"{name} {of / 1e6:.1f} MB" for name, of in most)
