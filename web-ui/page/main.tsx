import { render } from 'preact'
import { createClient } from '../api/client.ts'
import { LiveFeed } from '../api/live-feed.ts'
import { Frame } from './frame.tsx'
import { applyTheme, browserStorage, keptTheme } from './theme.ts'

const client = createClient(
  (...asked) => window.fetch(...asked),
  () => Date.now(),
)
const feed = new LiveFeed(client, (...asked) => window.fetch(...asked))
const storage = browserStorage()
applyTheme(keptTheme(storage), document.documentElement, undefined)

const place = document.getElementById('page')
if (place !== null) render(<Frame client={client} feed={feed} storage={storage} />, place)
