"""QR codes as paths of an SVG: the Content-Security-Policy allows no image of another kind in a page."""

import segno

QUIET_ZONE = 4  # modules of white around a QR code, as its standard asks for


def draw_qr_code(text: str) -> tuple[int, str]:
    """Return the width of the QR code with its quiet zone, and the path of its black squares."""
    modules = list(segno.make_qr(text).matrix_iter(border=QUIET_ZONE))
    dark = [(x, y) for y, row in enumerate(modules) for x, is_dark in enumerate(row) if is_dark]
    return len(modules), "".join(f"M{x} {y}h1v1h-1z" for x, y in dark)
