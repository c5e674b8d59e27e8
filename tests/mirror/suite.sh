# A debootstrap suite for tests, in the place of Debian's (debootstrap(8), SCRIPT): it fetches,
# checks and unpacks as that does, and its packages need no configuring.
mirror_style release
download_style apt
finddebs_style from-indices
variants - minbase

work_out_debs () {
	required="$(get_debs Priority: required)"
	base=""
}

first_stage_install () {
	extract $required
	mkdir -p "$TARGET/var/log"
}

second_stage_install () {
	info INSTCORE "Installing core packages..."
}
