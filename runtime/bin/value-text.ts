/** A value of an input in a few characters: a tensor is its shape. */
export function valueText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  if (!('dims' in value) || !Array.isArray(value.dims)) return JSON.stringify(value).slice(0, 64)
  const dtype = 'dtype' in value ? `${String(value.dtype)} ` : ''
  return `${dtype}[${value.dims.join(' × ')}]`
}
