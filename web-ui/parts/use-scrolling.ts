import { useEffect, useRef } from 'preact/hooks'

/**
 * Lets a keyboard reach what scrolls, as long as it does scroll (WCAG 2.1.1): a place that shows everything is no stop on the
 * way through the page.
 */
export function useScrolling<T extends HTMLElement>() {
  const place = useRef<T>(null)
  useEffect(() => {
    const target = place.current
    if (target === null) return
    const look = () => {
      const scrolls = target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight
      if (scrolls) target.tabIndex = 0
      else target.removeAttribute('tabindex')
    }
    const sizes = new ResizeObserver(look)
    sizes.observe(target)
    for (const child of target.children) sizes.observe(child)
    return () => sizes.disconnect()
  }, [])
  return place
}
