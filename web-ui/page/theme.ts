/** Light or dark as the system has it, or as somebody chose here; the choice is kept in this browser. */
export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const KEPT_AS = 'wardstone-theme'

export function keptTheme(storage: Pick<Storage, 'getItem'> | undefined): Theme {
  const kept = storage?.getItem(KEPT_AS)
  return themes.find((theme) => theme === kept) ?? 'system'
}

export function applyTheme(theme: Theme, root: HTMLElement, storage: Pick<Storage, 'setItem'> | undefined): void {
  if (theme === 'system') delete root.dataset.theme
  else root.dataset.theme = theme
  storage?.setItem(KEPT_AS, theme)
}

/** Undefined where the browser refuses storage: the choice then lasts as long as the page. */
export function browserStorage(): Storage | undefined {
  try {
    return window.localStorage
  } catch {
    return undefined
  }
}
