import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{device,models,updater,runtime,demo,house,bench,soak,scripts,systemd,web-ui}/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
