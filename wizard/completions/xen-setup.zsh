#compdef xen-setup
# zsh completion for xen-setup: the program itself is asked what can follow.

_xen-setup() {
    local program=$words[1] value about files
    local -a whole begun
    [[ $program != '~/'* ]] || program=$HOME/${program#'~/'}
    while IFS=$'\t' read -r value about; do
        if [[ $value == :files ]]; then
            files=yes
        elif [[ $value == *[=.] ]]; then
            begun+=("${value//:/\\:}:$about")
        else
            whole+=("${value//:/\\:}:$about")
        fi
    done < <("$program" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)
    if [[ -n $files ]]; then
        [[ $PREFIX != --*=* ]] || compset -P '*='
        _files
        return
    fi
    _describe -V 'xen-setup' whole -- begun -S ''
}

# Loaded by compinit from a folder of $fpath, it is the function itself; else it is made known.
if [[ $funcstack[1] == _xen-setup ]]; then
    _xen-setup "$@"
else
    compdef _xen-setup xen-setup
fi
