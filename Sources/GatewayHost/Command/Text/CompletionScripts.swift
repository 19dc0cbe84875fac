// `gateway completion bash|zsh|fish`: small scripts that ask `gateway __complete` at every press of the tab key.
//
// They know no verb themselves, so verbs of plugins' resources, names of records and future versions complete without a new script.
//
// Kind: value.

extension Verb {
    static let completion = Verb(
        name: "completion", section: .trying, summary: "Prints a script with which a shell completes commands.",
        details: """
            bash:  source <(gateway completion bash)                      in ~/.bashrc
            zsh:   source <(gateway completion zsh)                       in ~/.zshrc, behind compinit
            fish:  gateway completion fish > ~/.config/fish/completions/gateway.fish
            """,
        operands: [Operand(name: "SHELL", offers: .words(CompletionScript.allCases.map(\.rawValue)))]
    ) { invocation in
        let shell = invocation.arguments.operands[0]
        guard let script = CompletionScript(rawValue: shell) else {
            return invocation.fail("no script for \(ConfigFault.printable(shell, limit: 60)). There are bash, zsh and fish.", .usage)
        }
        invocation.terminal.out(script.text)
        return .done
    }
}

enum CompletionScript: String, CaseIterable, Sendable {
    case bash, zsh, fish

    var text: String {
        switch self {
        case .bash: CompletionScript.bashText
        case .zsh: CompletionScript.zshText
        case .fish: CompletionScript.fishText
        }
    }

    /// bash cuts words at `=` and `:`, which stand inside ours; they are put together again by what the line really says.
    private static let bashText = #"""
        _gateway() {
            local rest=${COMP_LINE:0:COMP_POINT} word joined=() i
            for ((i = 0; i <= COMP_CWORD; i++)); do
                word=${COMP_WORDS[i]}
                if ((i > 0)) && [[ $rest != [[:space:]]* ]]; then
                    joined[${#joined[@]}-1]+=$word
                else
                    joined+=("$word")
                    rest=${rest#"${rest%%[![:space:]]*}"}
                fi
                rest=${rest#"$word"}
            done
            local current=${joined[${#joined[@]}-1]} line
            # What bash will replace is only the part behind the last of its own separators.
            local kept=
            [[ $current == *[=:]* && $COMP_WORDBREAKS == *[=:]* ]] && kept=${current%"${current##*[=:]}"}
            COMPREPLY=()
            while IFS= read -r line; do
                if [[ $line == :files ]]; then
                    compopt -o filenames 2>/dev/null
                    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
                    return
                fi
                line=${line%%$'\t'*}
                [[ $line == *[[:space:]\'\"\\\$\&\;\(\)\|\<\>]* ]] && printf -v line '%q' "$line"
                COMPREPLY+=("${line#"$kept"}")
            done < <("${COMP_WORDS[0]}" __complete "${joined[@]:1}" 2>/dev/null)
        }
        complete -F _gateway gateway
        """#

    private static let zshText = #"""
        #compdef gateway
        _gateway() {
            local -a lines described
            local line
            lines=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
            if [[ ${lines[1]} == :files ]]; then
                _files
                return
            fi
            for line in "${lines[@]}"; do
                [[ -z $line ]] && continue
                local text=${line%%$'\t'*} about=
                [[ $line == *$'\t'* ]] && about=${line#*$'\t'}
                described+=("${text//:/\\:}${about:+:$about}")
            done
            _describe gateway described
        }
        compdef _gateway gateway
        """#

    private static let fishText = #"""
        function __gateway_complete
            set -l words (commandline -opc)
            set -l current (commandline -ct)
            set -l lines ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
            if test "$lines[1]" = :files
                __fish_complete_path "$current"
                return
            end
            printf '%s\n' $lines
        end
        complete -c gateway -f -a '(__gateway_complete)'
        """#
}
