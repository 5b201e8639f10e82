// The channels, by their names in the API. No other place says how they differ.
//
//   field            where a code goes, as the form's field and the API's member: 'email' or 'phone'
//   fold             the one spelling that the API gets
//   shown            what was typed, as the page shows it
//   masked           how a destination that was not typed is shown, from the API's masked form: "•••78"
//   arrivesByText    the browser may offer to read the code from the message (WebOTP)
//   reportsDelivery  the API may learn after "sent" what became of the message
//
// shared/otp/channel.go is the functions' table. A channel that only accounts use has a field here, by which its destination is shown,
// and none there, since nobody types that destination.

import { foldAddress, foldNumber } from './fold.js';

const phoneEnding = (destination) => `the phone ending in ${destination.slice(-2)}`;

const channels = Object.freeze({
  email: { field: 'email', fold: foldAddress, shown: foldAddress, masked: (destination) => destination, arrivesByText: false, reportsDelivery: true },
  sms: { field: 'phone', fold: foldNumber, shown: (typed) => typed.trim(), masked: phoneEnding, arrivesByText: true, reportsDelivery: false },
});

export const channelNames = Object.freeze(Object.keys(channels));

export const isChannel = (name) => channelNames.includes(name);

// Throws for an unknown channel: treating it as another one would show a destination that the code did not go to.
export function channelOf(name) {
  if (!isChannel(name)) throw new TypeError(`unknown channel: ${name}`);
  return channels[name];
}
