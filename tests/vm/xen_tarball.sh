#!/bin/sh
# Runs inside the practice machine: makes /root/xen-4.17.tgz, a Xen in the shape of upstream's own
# build, of the distribution's packages. What these need of others is installed, as a person would.
set -eu
export DEBIAN_FRONTEND=noninteractive
work=/root/build
tree=$work/xen-4.17/dist/install
mkdir -p "$tree" "$work/packages"

comes=$(apt-get install --simulate --no-install-recommends xen-system-amd64 |
    sed -n 's/^Inst \([^ ]*\) .*/\1/p')
own='' others=''
for name in $comes; do
    case $name in
        xen-system-*) ;;
        xen* | libxen* | libfsimage*) own="$own $name" ;;
        grub-*) ;; # for guests that boot by GRUB
        *) others="$others $name" ;;
    esac
done
echo "from packages into the tree:$own"
echo "installed beside it:$others"
# shellcheck disable=SC2086 # lists of words
[ -z "$others" ] || apt-get install --yes --no-install-recommends $others
cd "$work/packages"
chmod 0755 "$work" .
chown _apt .
# shellcheck disable=SC2086
apt-get download $own
for package in *.deb; do
    dpkg-deb --extract "$package" "$tree"
done

# Upstream's own names; the packages' default menu entry is a maintainer's matter.
mv "$tree/etc/init.d/xen" "$tree/etc/init.d/xencommons"
sed -i 's/^\(# Provides: *\)xen$/\1xencommons/' "$tree/etc/init.d/xencommons"
sed -i 's/^\(# Required-St[a-z]*: .*\)\bxen\b/\1xencommons/' "$tree/etc/init.d/xendomains"
# Upstream's tools/Makefile makes it; here the package's script did. xenstored does not start without.
mkdir -p "$tree/var/log/xen"
rm -rf "$tree/usr/share/doc" "$tree/usr/share/man" "$tree/usr/share/lintian" "$tree/etc/default/grub.d"

cat >"$work/xen-4.17/dist/README" <<'END'
Xen 4.17, made of the distribution's own packages for a test of xen-setup.
To install it: sh ./install.sh
END
cat >"$work/xen-4.17/dist/install.sh" <<'END'
#!/bin/sh
# The contract of upstream's: ./install goes to the first argument, or to /; it ends with 0.
from=./install
to=${1:-/}
[ -d "$from" ] && [ -d "$to" ] || { echo "ERROR: no such directory"; exit 1; }
echo "Installing Xen from '$from' to '$to'..."
(cd "$from" && tar --create --file - --exclude=etc/init.d --exclude=etc/hotplug --exclude=etc/udev -- *) |
    tar --extract --directory "$to" --file -
cp -fdRL "$from"/etc/init.d/* "$to/etc/init.d/"
echo "All done."
exit 0
END
tar --create --gzip --owner=builder:1000 --group=builder:1000 --file /root/xen-4.17.tgz \
    --directory "$work" xen-4.17
rm -rf "$work"
sha256sum /root/xen-4.17.tgz
