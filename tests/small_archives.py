"""Small archives in the form of WMT's and IWSLT's."""

import io
import tarfile


def tarball(members: dict[str, str]) -> bytes:
    """The files by their names, packed with gzip."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
    return packed.getvalue()


def segments(kind: str, *texts: str) -> str:
    """One document of a source or reference set."""
    lines = "".join(f'<seg id="{n}">{text}</seg>\n' for n, text in enumerate(texts, 1))
    return f'<{kind}>\n<doc docid="d" genre="n" origlang="en">\n{lines}</doc>\n</{kind}>\n'
