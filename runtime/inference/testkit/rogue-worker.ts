/** A worker that was taken over: says it is ready and answers every request with what nobody asked for. */
process.on('disconnect', () => process.exit(0))
process.on('message', (message: { readonly kind: string }) => {
  if (message.kind === 'load')
    process.send?.({ kind: 'ready', provider: { provider: 'cpu', runtime: 'rogue', threads: 1 } })
  else process.send?.({ kind: 'result', id: 10_000, outputs: {} })
})
