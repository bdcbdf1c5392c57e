import type { Program } from './command.ts'
import { completionTable, type Question, type Shell, shells } from './completion-table.ts'

export { type Shell, shells }

export function isShell(text: string): text is Shell {
  return shells.some((shell) => shell === text)
}

/**
 * What makes a shell complete a program: nothing is started while somebody types, the script has the table in it.
 * The walk is the same in all three: words that name the command, options with their values, then operands.
 */
export function completionScript(program: Program<never>, shell: Shell): string {
  const prefix = `__${program.name.replaceAll('-', '_')}`
  const table = completionTable(program)
  const head = `# Completion of ${program.name} ${program.release}, as "${program.name} completion ${shell}" prints it.\n`
  if (shell === 'fish')
    return head + table.map((question) => fishQuestion(prefix, question)).join('') + fish(program.name, prefix)
  const questions = table.map((question) => shellQuestion(prefix, question)).join('')
  return shell === 'bash' ? head + questions + bash(program.name, prefix) : zsh(program.name, prefix, head + questions)
}

/** A function of one argument, the same for bash and zsh. */
function shellQuestion(prefix: string, { name, answers }: Question): string {
  const cases = answers.map(([key, answer]) => `    ${pattern(key)}) echo '${answer}' ;;\n`)
  return `${prefix}_${name}() {\n  case "$1" in\n${cases.join('')}  esac\n}\n`
}

/** A key that begins with `*` holds for every command. */
function pattern(key: string): string {
  return key.startsWith('*') ? `*'${key.slice(1)}'` : `'${key}'`
}

function fishQuestion(prefix: string, { name, answers }: Question): string {
  const cases = answers.map(([key, answer]) => `    case '${key}'\n      echo '${answer}'\n`)
  return `function ${prefix}_${name}\n  switch "$argv[1]"\n${cases.join('')}  end\nend\n`
}

/** Bash takes `=` for a word of its own. */
function bash(name: string, prefix: string): string {
  return `_${prefix}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} command='' expects='' word kind
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word == '=' ]]; then continue
    elif [[ -n $expects ]]; then expects=''
    elif [[ $word == -* ]]; then
      expects=$(${prefix}_value "$command $word")
      [[ $expects == flag ]] && expects=''
    elif [[ -z $command && $word == help ]]; then continue
    elif [[ -n $(${prefix}_next "$command") ]]; then command=\${command:+$command }$word
    fi
  done
  [[ $cur == '=' ]] && cur=''
  COMPREPLY=()
  kind=$expects
  if [[ -z $kind && $cur == -* ]]; then kind="words $(${prefix}_options "$command")"
  elif [[ -z $kind && -n $(${prefix}_next "$command") ]]; then kind="words $(${prefix}_next "$command")"
  elif [[ -z $kind ]]; then kind=$(${prefix}_operand "$command")
  fi
  case $kind in
    file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    folder) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    words*) mapfile -t COMPREPLY < <(compgen -W "\${kind#words}" -- "$cur") ;;
  esac
}
complete -F _${prefix} ${name}
`
}

/** As a file of the function path, or read by \`source\`. */
function zsh(name: string, prefix: string, questions: string): string {
  return `#compdef ${name}
${questions}_${prefix}() {
  local cur="\${words[CURRENT]}" command='' expects='' word kind
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $expects ]]; then expects=''
    elif [[ $word == -*=* ]]; then continue
    elif [[ $word == -* ]]; then
      expects=$(${prefix}_value "$command $word")
      [[ $expects == flag ]] && expects=''
    elif [[ -z $command && $word == help ]]; then continue
    elif [[ -n $(${prefix}_next "$command") ]]; then command=\${command:+$command }$word
    fi
  done
  kind=$expects
  if [[ -z $kind && $cur == -* ]]; then kind="words $(${prefix}_options "$command")"
  elif [[ -z $kind && -n $(${prefix}_next "$command") ]]; then kind="words $(${prefix}_next "$command")"
  elif [[ -z $kind ]]; then kind=$(${prefix}_operand "$command")
  fi
  case $kind in
    file) _files ;;
    folder) _files -/ ;;
    words*) compadd -- \${=kind#words} ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _${prefix} "$@"; else compdef _${prefix} ${name}; fi
`
}

function fish(name: string, prefix: string): string {
  return `function ${prefix}
  set -l cur (commandline -ct)
  set -l command ''
  set -l expects ''
  for word in (commandline -opc)[2..-1]
    if test -n "$expects"
      set expects ''
    else if string match -q -- '-*=*' $word
      continue
    else if string match -q -- '-*' $word
      set expects (${prefix}_value "$command $word")
      test "$expects" = flag; and set expects ''
    else if test -z "$command" -a "$word" = help
      continue
    else
      set -l next (${prefix}_next "$command")
      test -n "$next"; and set command (string trim -- "$command $word")
    end
  end
  set -l next (${prefix}_next "$command" | string split ' ')
  set -l kind $expects
  if test -z "$kind"
    if string match -q -- '-*' "$cur"
      set kind words (${prefix}_options "$command" | string split ' ')
    else if test -n "$next"
      set kind words $next
    else
      set kind (${prefix}_operand "$command" | string split ' ')
    end
  else
    set kind (string split ' ' -- $kind)
  end
  switch "$kind[1]"
    case file
      __fish_complete_path "$cur"
    case folder
      __fish_complete_directories "$cur" ''
    case words
      printf '%s\\n' $kind[2..-1]
  end
end
complete -c ${name} -f -a '(${prefix})'
`
}
