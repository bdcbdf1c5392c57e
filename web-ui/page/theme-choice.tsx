import { useState } from 'preact/hooks'
import { applyTheme, keptTheme, type Theme, themes } from './theme.ts'

const names: Readonly<Record<Theme, string>> = { system: 'System', light: 'Light', dark: 'Dark' }

/** Which of the two, or as the system has it. Charts are drawn anew: they read the colours when they are made. */
export function ThemeChoice({ storage }: { storage: Storage | undefined }) {
  const [theme, setTheme] = useState<Theme>(keptTheme(storage))
  const choose = (value: string) => {
    const chosen = themes.find((each) => each === value) ?? 'system'
    applyTheme(chosen, document.documentElement, storage)
    setTheme(chosen)
    window.dispatchEvent(new Event('wardstone-theme'))
  }
  return (
    <label class="theme">
      <span class="sr-only">Colours of these pages</span>
      <select value={theme} onChange={(event) => choose(event.currentTarget.value)}>
        {themes.map((each) => (
          <option key={each} value={each}>
            {names[each]}
          </option>
        ))}
      </select>
    </label>
  )
}
