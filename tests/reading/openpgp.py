"""A file, keys, and its signatures by them, made by GnuPG 2.2.40 at a faked time."""

from __future__ import annotations

from base64 import b64decode

SIGNED = b"A Xen, as its maker made it.\n"
MAKER = "maker <maker@example.org>, AD1A2686E845171675EBB6EDF0FC8E214561C045"

# `gpg --export`: the maker's key, another's, one that expired in 2020, and the other's, revoked.
KEYRINGS = {
    name: b64decode(text)
    for name, text in {
        "maker": (
            "mDMEXgvhABYJKwYBBAHaRw8BAQdAzjViabrBfY8AXWrJIhfhM5nZm9Y/R1qcO3wk8zqa17G0GW1ha2VyIDxtYWtl"
            "ckBleGFtcGxlLm9yZz6IkAQTFggAOBYhBK0aJoboRRcWdeu27fD8jiFFYcBFBQJeC+EAAhsDBQsJCAcCBhUKCQgL"
            "AgQWAgMBAh4BAheAAAoJEPD8jiFFYcBFUy4BAMe7gmwKzEKR8HUP8K8WQvdefPiFACk8JaT89NVPp8egAP9v7JV8"
            "Ve6JXSAOAktDWlLIKC4Ak9Y9u+SKXQWocQxwBg=="
        ),
        "other": (
            "mDMEXgvhABYJKwYBBAHaRw8BAQdAvDldmqkkOwyu/xfGJ+hQrLIDNWYS/LKAPPT39oGf9+q0GW90aGVyIDxvdGhl"
            "ckBleGFtcGxlLm9yZz6IkAQTFggAOBYhBGvWNh45INcxWldcareVSZDBUmsKBQJeC+EAAhsDBQsJCAcCBhUKCQgL"
            "AgQWAgMBAh4BAheAAAoJELeVSZDBUmsKq90BAMG4wpoz39OB6s/UbOi5zGwJ7QrXpXgyz3HW5jL7LPUTAQCqBbh2"
            "U4gGtTpLdJH2epapgqAsCPm24IG78psfPao/BA=="
        ),
        "old": (
            "mDMEXgvhABYJKwYBBAHaRw8BAQdAmZKLvPrEHfBduysZ38065niwBHpmygL2KskI7W+dLDW0FW9sZCA8b2xkQGV4"
            "YW1wbGUub3JnPoiWBBMWCAA+FiEELQcCvQ78qJdVZVuX5TepDl05hlIFAl4L4QACGwMFCQAnjQAFCwkIBwIGFQoJ"
            "CAsCBBYCAwECHgECF4AACgkQ5TepDl05hlLWIQD/We/D1i4AQPc8Yp8Y84u/aO9ZL//O5kdO490al5Rzd0UA/3z9"
            "OfWW82JbE/ervDLJszDURFRMXO5dignEWwNPKZAP"
        ),
        "revoked": (
            "mDMEXgvhABYJKwYBBAHaRw8BAQdAvDldmqkkOwyu/xfGJ+hQrLIDNWYS/LKAPPT39oGf9+qIeAQgFggAIBYhBGvW"
            "Nh45INcxWldcareVSZDBUmsKBQJeC+EAAh0AAAoJELeVSZDBUmsKaNgA/1K+g7km7caY0nVr2wF+ePHlgJacV7wN"
            "JmLo/mVJbCGMAQCZ9+i+TG/485sXd3tgKOlB4Uq9YtYk27Pfbh+pfKDdB7QZb3RoZXIgPG90aGVyQGV4YW1wbGUu"
            "b3JnPoiQBBMWCAA4FiEEa9Y2Hjkg1zFaV1xqt5VJkMFSawoFAl4L4QACGwMFCwkIBwIGFQoJCAsCBBYCAwECHgEC"
            "F4AACgkQt5VJkMFSawqr3QEAwbjCmjPf04Hqz9Rs6LnMbAntCteleDLPcdbmMvss9RMBAKoFuHZTiAa1Okt0kfZ6"
            "lqmCoCwI+bbggbvymx89qj8E"
        ),
    }.items()
}
ARMOURED = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEXgvhABYJKwYBBAHaRw8BAQdA\n"

# `gpg --detach-sign` of SIGNED, by each.
SIGNATURES = {
    name: b64decode(text)
    for name, text in {
        "maker": (
            "iIgEABYIADAWIQStGiaG6EUXFnXrtu3w/I4hRWHARQUCXg0ygBIcbWFrZXJAZXhhbXBsZS5vcmcACgkQ8PyOIUVh"
            "wEXGdQEAyPnejxbvGdy3JvvaerSVrelChL9RFsHXG2mva7lVg6sA/1RM4cV8ckTfT9z4mgrJo+wDFFoJsHNAKZFd"
            "hCWamQ4K"
        ),
        "other": (
            "iIgEABYIADAWIQRr1jYeOSDXMVpXXGq3lUmQwVJrCgUCXg0ygBIcb3RoZXJAZXhhbXBsZS5vcmcACgkQt5VJkMFS"
            "awqmGgEAtCNI8QVv4akm8Xw13jOsSeCW3oc4ws9/FZ2vyaDIK3AA/2Wp2yvG/JmjQawQSyFy1cLVJ4+t3l3ehMis"
            "Fw2eB24N"
        ),
        "old": (
            "iIYEABYIAC4WIQQtBwK9Dvyol1VlW5flN6kOXTmGUgUCXg0ygBAcb2xkQGV4YW1wbGUub3JnAAoJEOU3qQ5dOYZS"
            "pj8A/iYfshY2LlGIbCVe53rh0oV/omoA5EiFlWZvOkQ8wuMkAP9ei601VMNdUd7jE/qkL1kCtBojGsxETC7/RIjn"
            "a2GpDw=="
        ),
    }.items()
}
