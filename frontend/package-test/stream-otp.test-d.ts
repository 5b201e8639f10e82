import { expectAssignable, expectError, expectType } from 'tsd';
import { ApiError, Client } from '../client.js';
import { StreamOTP, type Purpose, type Step } from '../stream-otp.js';

const element = document.createElement('stream-otp');
expectType<StreamOTP>(element);
element.addEventListener('streamotp-verified', (event) => {
  expectType<Purpose>(event.detail.purpose);
  expectType<string | undefined>(event.detail.proof);
  expectError(event.detail.code);
});
element.addEventListener('streamotp-step', ({ detail }) => expectType<Step>(detail.step));
element.addEventListener('streamotp-error', ({ detail }) => expectType<number>(detail.status));
element.addEventListener('click', (event) => expectAssignable<MouseEvent>(event));

const client = new Client('https://login.example.com/api', { locale: 'de' });
expectType<Promise<{ sessionId: string }>>(client.generate({ purpose: 'login', email: 'ada@example.com', password: 'x' }));
expectError(client.generate({ purpose: 'signup' }));
expectType<string | undefined>((await client.verify('6f2a9d0c-3b1e-4a77-9d3e-0c1b2a3d4e5f', '482913')).proof);
expectAssignable<Error>(new ApiError('wrong_code', 401, { attemptsRemaining: 4 }));
