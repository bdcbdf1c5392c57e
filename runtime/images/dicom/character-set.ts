/** Specific Character Set (PS3.3 C.12.1.1.2) → WHATWG label, without and with code extensions. */
const labels: Readonly<Record<string, string>> = {
  'ISO_IR 100': 'iso-8859-1',
  'ISO 2022 IR 100': 'iso-8859-1',
  'ISO_IR 101': 'iso-8859-2',
  'ISO 2022 IR 101': 'iso-8859-2',
  'ISO_IR 109': 'iso-8859-3',
  'ISO 2022 IR 109': 'iso-8859-3',
  'ISO_IR 110': 'iso-8859-4',
  'ISO 2022 IR 110': 'iso-8859-4',
  'ISO_IR 144': 'iso-8859-5',
  'ISO 2022 IR 144': 'iso-8859-5',
  'ISO_IR 127': 'iso-8859-6',
  'ISO 2022 IR 127': 'iso-8859-6',
  'ISO_IR 126': 'iso-8859-7',
  'ISO 2022 IR 126': 'iso-8859-7',
  'ISO_IR 138': 'iso-8859-8',
  'ISO 2022 IR 138': 'iso-8859-8',
  'ISO_IR 148': 'iso-8859-9',
  'ISO 2022 IR 148': 'iso-8859-9',
  'ISO_IR 203': 'iso-8859-15',
  'ISO_IR 166': 'windows-874',
  'ISO 2022 IR 166': 'windows-874',
  'ISO_IR 13': 'shift_jis',
  'ISO 2022 IR 13': 'shift_jis',
  'ISO 2022 IR 87': 'iso-2022-jp',
  'ISO 2022 IR 159': 'iso-2022-jp',
  'ISO 2022 IR 149': 'euc-kr',
  'ISO 2022 IR 58': 'gb18030',
  'ISO_IR 192': 'utf-8',
  GB18030: 'gb18030',
  GBK: 'gbk',
}

/** Nothing that steers a terminal or the direction of writing: what is shown would not be what is compared. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

/**
 * Text of an identifier (LO, SH), as it is compared with what a request names: trimmed, at most 64 characters.
 * @returns undefined for text that the set does not define: a half-read identifier could name someone else.
 */
export function decodeText(bytes: Uint8Array, characterSets: readonly string[]): string | undefined {
  const isAscii = bytes.every((byte) => byte < 0x80 && byte !== 0x1b)
  const set = characterSets.find((name) => name !== '') ?? ''
  const label = isAscii ? 'utf-8' : Object.hasOwn(labels, set) ? labels[set] : undefined
  if (label === undefined) return undefined
  try {
    // A zero is padding at the end. Inside it parts two texts, and what is left without it could be a third patient's.
    const text = new TextDecoder(label, { fatal: true })
      .decode(bytes)
      .replace(/[\0 ]+$/, '')
      .trim()
    return text.length > 0 && text.length <= 64 && !UNPRINTABLE.test(text) ? text : undefined
  } catch {
    return undefined
  }
}
