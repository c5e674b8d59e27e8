# fish completion for xen-setup: the program itself is asked what can follow.

function __xen_setup_complete
    set --local words (commandline --tokenize --current-process --cut-at-cursor)
    set --local current (commandline --current-token --cut-at-cursor)
    set --local program (string replace --regex '^~/' "$HOME/" -- $words[1])
    type --query $program; or return
    for line in ($program __complete $words[2..] "$current" 2>/dev/null </dev/null)
        if test "$line" = :files
            set --local taken (string match --regex -- '^--[a-z-]+=' $current)
            for path in (__fish_complete_path (string replace -- "$taken" '' $current))
                echo "$taken$path"
            end
        else
            echo $line
        end
    end
end

complete --command xen-setup --no-files --keep-order --arguments '(__xen_setup_complete)'
