/** How a UCUM code is written for people; what is not here is shown as it is. */
const written: Readonly<Record<string, string>> = {
  '1': '',
  '{score}': '',
  '%': '%',
  '/min': '/min',
  'mm[Hg]': 'mmHg',
  Cel: '°C',
  '[degF]': '°F',
  a: 'years',
  h: 'h',
  min: 'min',
  '10*3/uL': '10³/µL',
  '10*9/L': '10⁹/L',
  'umol/L': 'µmol/L',
  'ug/L': 'µg/L',
  // The name of the input says pH already.
  '[pH]': '',
}

export function unitText(code: string | null): string {
  if (code === null) return ''
  return written[code] ?? code
}

export function withUnit(value: string, code: string | null): string {
  const unit = unitText(code)
  return unit === '' ? value : `${value} ${unit}`
}
