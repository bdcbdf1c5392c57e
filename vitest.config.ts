import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{device,models,updater,runtime,demo,house,bench,soak,scripts,systemd,web-ui}/**/*.test.ts'],
    pool: 'forks',
    // One more than the cores of a small machine: many tests wait for processes that they started.
    maxWorkers: 3,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
