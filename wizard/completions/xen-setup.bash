# bash completion for xen-setup: the program itself is asked what can follow.

_xen_setup() {
    local program=$1 typed=${COMP_LINE:0:COMP_POINT} value line
    local words=() taken="" option="" files=""
    [[ $program != \~/* ]] || program=$HOME/${program:2}
    # Split here, as bash breaks words at = and : too. Without -r: "\ " is a space in a word.
    # shellcheck disable=SC2162
    read -a words <<<"$typed"
    [[ $typed != *[[:space:]] ]] || words+=("")
    local current=${words[-1]}
    # Of a word that is broken, only what follows the last break is replaced.
    [[ $COMP_WORDBREAKS != *=* || $current != *=* ]] || taken=${current%=*}=
    [[ $COMP_WORDBREAKS != *:* || ${current#"$taken"} != *:* ]] || taken=${current%:*}:
    [[ $current != --*=* ]] || option=${current%%=*}=
    COMPREPLY=()
    while IFS=$'\t' read -r value _; do
        if [[ $value == :files ]]; then
            files=yes
        elif [[ $value == "$current"* ]]; then
            COMPREPLY+=("${value#"$taken"}")
        fi
    done < <("$program" __complete "${words[@]:1}" 2>/dev/null </dev/null)
    if [[ -n $files ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do
            line=$option$line
            COMPREPLY+=("${line#"$taken"}")
        done < <(compgen -f -- "${current#"$option"}")
    elif [[ ${#COMPREPLY[@]} -gt 0 && ${COMPREPLY[0]} == *[=.] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _xen_setup xen-setup
