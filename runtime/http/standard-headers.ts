/** On every answer. Nothing here is kept by a cache or guessed at by a browser, and nothing says what software answers. */
export const STANDARD_HEADERS = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
} as const
