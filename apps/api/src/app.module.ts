import { Module, type DynamicModule } from '@nestjs/common';
import type { Log } from '@bpi/job-contract';
import type { Catalogue, Clock } from '@bpi/jobs';
import type { AuditTrail } from './audit-trail.ts';
import { DocsController } from './docs.controller.ts';
import type { Pages } from './docs/pages.ts';
import { EventsController } from './events.controller.ts';
import { HealthController, type ReadinessCheck } from './health.controller.ts';
import { InferController } from './infer.controller.ts';
import type { Intake } from './infer/intake.ts';
import { JobsController } from './jobs.controller.ts';
import { ListController } from './list.controller.ts';
import { LogsController } from './logs.controller.ts';
import { MethodController } from './method.controller.ts';
import { ModelsController } from './models.controller.ts';
import type { ApiPorts } from './ports.ts';
import { ResultsController } from './results.controller.ts';
import type { ApiSettings } from './settings.ts';
import { CATALOGUE, CLOCK, INTAKE, LOG, PAGES, PORTS, READINESS, SETTINGS, TRAIL, WAITING } from './tokens.ts';
import type { Waiting } from './waiting/waiting.ts';

export type AppValues = {
  ports: ApiPorts;
  catalogue: Catalogue;
  settings: ApiSettings;
  clock: Clock;
  log: Log;
  intake: Intake;
  waiting: Waiting;
  trail: AuditTrail;
  readiness: readonly ReadinessCheck[];
  pages: Pages;
};

/** Their routes are those of the contract's table, which a test checks. */
export const CONTROLLERS = [
  InferController,
  JobsController,
  ListController,
  LogsController,
  EventsController,
  ResultsController,
  ModelsController,
  HealthController,
  DocsController,
];

@Module({})
export class AppModule {
  static of(values: AppValues): DynamicModule {
    return {
      module: AppModule,
      controllers: [...CONTROLLERS, MethodController], // the last one takes every method
      providers: [
        { provide: PORTS, useValue: values.ports },
        { provide: CATALOGUE, useValue: values.catalogue },
        { provide: SETTINGS, useValue: values.settings },
        { provide: CLOCK, useValue: values.clock },
        { provide: LOG, useValue: values.log },
        { provide: INTAKE, useValue: values.intake },
        { provide: WAITING, useValue: values.waiting },
        { provide: TRAIL, useValue: values.trail },
        { provide: READINESS, useValue: values.readiness },
        { provide: PAGES, useValue: values.pages },
      ],
    };
  }
}
