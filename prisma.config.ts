import { defineConfig } from 'prisma/config';

// Only the Prisma CLI reads this. The application migrates itself (src/infra/migrate.ts).
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.DB_URL ?? '' },
});
