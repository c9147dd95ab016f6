import { Module, type DynamicModule } from '@nestjs/common';
import type { Log } from '@bpi/job-contract';
import type { Catalogue, Clock } from '@bpi/jobs';
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
import { CATALOGUE, CLOCK, INTAKE, LOG, PORTS, READINESS, SETTINGS, WAITING } from './tokens.ts';
import type { Waiting } from './waiting/waiting.ts';

export type AppValues = {
  ports: ApiPorts;
  catalogue: Catalogue;
  settings: ApiSettings;
  clock: Clock;
  log: Log;
  intake: Intake;
  waiting: Waiting;
  readiness: readonly ReadinessCheck[];
};

@Module({})
export class AppModule {
  static of(values: AppValues): DynamicModule {
    return {
      module: AppModule,
      controllers: [
        InferController,
        JobsController,
        ListController,
        LogsController,
        EventsController,
        ResultsController,
        ModelsController,
        HealthController,
        MethodController, // last: it takes every method
      ],
      providers: [
        { provide: PORTS, useValue: values.ports },
        { provide: CATALOGUE, useValue: values.catalogue },
        { provide: SETTINGS, useValue: values.settings },
        { provide: CLOCK, useValue: values.clock },
        { provide: LOG, useValue: values.log },
        { provide: INTAKE, useValue: values.intake },
        { provide: WAITING, useValue: values.waiting },
        { provide: READINESS, useValue: values.readiness },
      ],
    };
  }
}
