"""The shells' parts: each asks `stack __complete` and shows what comes back."""

from __future__ import annotations

BASH = """\
# bash completion for stack. Load it with:  source <(stack completion bash)
_stack_complete() {
    local line
    local -a answer
    COMPREPLY=()
    mapfile -t answer < <("${COMP_WORDS[0]}" __complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
    case "${answer[0]}" in
        files) compopt -o default -o filenames 2>/dev/null; return 0 ;;
        dirs) compopt -o dirnames -o filenames 2>/dev/null; return 0 ;;
        nospace) compopt -o nospace 2>/dev/null ;;
    esac
    for line in "${answer[@]:1}"; do
        COMPREPLY+=("${line%%$'\\t'*}")
    done
}
complete -F _stack_complete stack
"""

ZSH = """\
#compdef stack
# zsh completion for stack. Load it with:  source <(stack completion zsh)
# or put it as _stack into a folder of $fpath.
_stack() {
    local line value about
    local -a answer pairs glue
    answer=("${(@f)$("${(Q)words[1]}" __complete zsh -- "${(@Q)words[1,CURRENT]}" 2>/dev/null)}")
    case "$answer[1]" in
        files) _files; return ;;
        dirs) _files -/; return ;;
        nospace) glue=(-S '') ;;
    esac
    for line in "${(@)answer[2,-1]}"; do
        [[ -n "$line" ]] || continue
        value="${line%%$'\\t'*}"
        about="${line#*$'\\t'}"
        pairs+=("${value//:/\\\\:}${about:+:$about}")
    done
    (( $#pairs )) && _describe -t stack stack pairs "${glue[@]}"
}
if [[ "$funcstack[1]" == _stack ]]; then
    _stack "$@"
elif (( $+functions[compdef] )); then
    compdef _stack stack
fi
"""

FISH = """\
# fish completion for stack. Load it with:  stack completion fish | source
function __stack_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l answer ($words[1] __complete fish -- $words 2>/dev/null)
    switch "$answer[1]"
        case files
            __fish_complete_path (commandline -ct)
        case dirs
            __fish_complete_directories (commandline -ct)
        case '*'
            for line in $answer[2..]
                echo $line
            end
    end
end
complete -c stack -e
complete -c stack -f -a '(__stack_complete)'
"""

OF = {"bash": BASH, "zsh": ZSH, "fish": FISH}
