# bash completion of rcptguard. shellcheck shell=bash
# Names of lists come from the daemon; where it cannot be asked, nothing is offered and nothing said.

# The words before the cursor that say which daemon is asked.
_rcptguard_names() {
    local i ask=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s | --socket | -c | --config) ask+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    timeout 2 "${COMP_WORDS[0]}" feeds --names "${ask[@]}" 2>/dev/null
}

_rcptguard_formats() {
    "${COMP_WORDS[0]}" lint --format list 2>/dev/null | grep -v '^ '
}

_rcptguard_offer() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_rcptguard_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

# The options of a command, beside those that all have.
_rcptguard_options() {
    case $1 in
    check) echo --sender ;;
    exclude) echo --list --until --for --ticket --note --force ;;
    unexclude) echo --list ;;
    exclusions | blocks) echo --prune ;;
    block) echo --until --for --ticket --note --force ;;
    feeds) echo --names ;;
    status | top) echo --fleet ;;
    events) echo --follow --all --fleet ;;
    lint) echo --format --set --blocks ;;
    esac
}

_rcptguard() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command="" i
    local commands="check why exclude unexclude exclusions history block unblock blocks feeds
        refresh accept rollback status top events lint help"

    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s | --socket | -c | --config) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $prev in
    -s | --socket | -c | --config) _rcptguard_files && return ;;
    --list) _rcptguard_offer "$(_rcptguard_names)" && return ;;
    --format) _rcptguard_offer "list $(_rcptguard_formats)" && return ;;
    --for) _rcptguard_offer "1h 1d 7d 30d 90d" && return ;;
    --sender | --until | --ticket | --note | --set) return ;;
    esac
    if [[ $cur == -* ]]; then
        _rcptguard_offer "-s --socket -c --config --json -h --help -V --version
            $(_rcptguard_options "$command")"
        return
    fi
    case $command in
    "") _rcptguard_offer "$commands" ;;
    help) _rcptguard_offer "$commands" ;;
    refresh | accept | rollback) _rcptguard_offer "$(_rcptguard_names)" ;;
    lint) _rcptguard_files ;;
    esac
}

complete -F _rcptguard rcptguard
