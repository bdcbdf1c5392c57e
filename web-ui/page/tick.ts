import { useEffect, useState } from 'preact/hooks'

/** The time on the clock of this page, anew every second: for how long ago something was heard. */
export function useTick(): number {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  return now
}
