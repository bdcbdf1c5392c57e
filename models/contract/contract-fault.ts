import { ContractError } from './errors.ts'

/** How the checks of a contract against itself say what is at fault: by its path; a list's members go by name or index. */

/** @throws ContractError contract_inconsistent, about the path */
export function ensure(holds: boolean, path: string): void {
  if (!holds) fault(path)
}

/** @throws ContractError contract_inconsistent, about the path */
export function fault(path: string): never {
  throw new ContractError('contract_inconsistent', { about: path })
}

export function areDistinct(list: readonly (string | number)[]): boolean {
  return new Set(list).size === list.length
}
