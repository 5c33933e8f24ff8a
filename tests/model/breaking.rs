//! Rules broken on purpose, one at a time. Each must be seen to do harm, or the model is blind to
//! it.

macro_rules! breakings {
    ($($name:ident: $rule:literal, $words:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Breaking { $(#[doc = $words] $name,)* }

        impl Breaking {
            pub const ALL: &[Breaking] = &[$(Breaking::$name,)*];

            /// The rule that is broken.
            pub fn rule(self) -> &'static str {
                match self { $(Breaking::$name => $rule,)* }
            }

            /// How it is broken.
            pub fn words(self) -> &'static str {
                match self { $(Breaking::$name => $words,)* }
            }
        }
    };
}

breakings! {
    GrantBeforeDurable: "R1", "a grant is said before it is durable";
    ReturnBeforeDurable: "R1", "a return is said before it is durable";
    ReturnFromUse: "R1", "a holder returns what is in use";
    NoFenceOnReturns: "R3", "returns under any attachment are booked";
    NoFenceOnLevels: "R3", "levels under any attachment are taken";
    StaleRequest: "R3", "a request by an older challenge is accepted";
    LateAnswer: "R3", "an answer to the request of an earlier start is taken";
    RequestDoesNotFence: "R4", "a request to attach leaves the older attachment in force";
    NoQuarantine: "R5", "a restored holder is not in quarantine";
    QuarantineReturns: "R5", "a holder in quarantine returns";
    LiftBeforeAdoption: "R5", "quarantine ends before the devices are adopted again";
    LiftOnOldAttach: "R5", "quarantine ends by an attachment older than this start";
    RestartLiftsQuarantine: "R10", "a clean restart ends quarantine";
    ReclaimBeforeEnd: "R6", "an edge is reclaimed before its term is over";
    ReclaimWithoutFence: "R6", "an edge is reclaimed in the same epoch and attachment";
    EndedHolderKeeps: "R6", "a holder whose term is over goes on to say what it held";
    TakenBackByTime: "R6", "counts under devices are taken back without a return";
    NoClamp: "R7", "more is booked as returned than was granted";
    ClaimBelieved: "R7", "a holder is believed to have more than it was granted";
    NoRecovery: "R8", "a restored primary goes on as if nothing was lost";
    RecoveryEndsUnheard: "R8", "recovery ends before the holder attached";
    RecoveryEndsUnadopted: "R8", "recovery ends before the primary's own devices are adopted";
    RecoveryByMaximum: "R8", "in recovery the copy's count of grants stands where it is higher";
    RecoveryByOldEpoch: "R8", "in recovery the copy stands against a holder of an earlier epoch";
    UnadoptedClaim: "R9", "recovery is ended by a holder whose devices are not adopted yet";
    LiftInRecovery: "R9", "a holder leaves quarantine while the primary is in recovery";
    OldReturnsAfterRestore: "R9", "after recovery the copy's attachment is in force again";

    FullRangeGrants: "I11", "a full range grants";
    UsesStay: "1.9", "counts move and uses stay";
    OutboxErasedUnbooked: "1.9", "the outbox is emptied before the taker has booked";
    HandsOverAgain: "1.9", "a take-over of an earlier turn is answered with a new handover";
    HandoverBookedAgain: "1.9", "a handover is booked whatever its turn";
    YieldBookedAgain: "1.9", "a yield is booked whatever its turn";
    CountsBeforeUses: "1.9", "counts go back before the uses are booked above";
    DecidesWhileTaking: "1.9", "wishes are decided while the account is on its way down";
    DecidesWhileYielding: "1.9", "wishes are decided while the account is on its way up";
    GrantsThoughPromised: "1.9", "the primary grants below a relay that it has promised counts";
    GrantsThoughOut: "1.9", "the primary grants below a relay that holds";
    PromiseEndsUnheard: "1.9", "a promise ends with its withdrawal, before the relay has heard";
    PromisedAnew: "1.9", "a promise is made while an earlier one is still under way";
    CountsOnTheWayBack: "1.9", "counts on their way back are promised again";
    MaskedShortage: "1.9", "a shortage hides behind uses that are promised away";
    LateWishDecided: "I8", "a wish is decided after a later one of its device";
    VerdictOfAnyWish: "I8", "a site takes the verdict on an earlier wish for that on this one";

    GrantorWithoutDrift: "1.6", "the grantor takes back after the bare term";
    DestinationWithoutDrift: "1.6", "the destination uses the bare term";
    LeaseFromReceipt: "1.6", "a lease is counted from its receipt";
    TokenOutlivesLease: "1.5", "a token ends after the lease";
    LeaseOutlivesBoot: "1.6", "a lease goes on after a boot, by a clock that began anew";
    TermFromFirstAnswer: "1.6", "a renewed lease keeps the grantor's old term";
    TermOverAtBoot: "1.6", "after a boot the grantor takes the term for over";
    GrantsForgottenAtBoot: "R1", "the grantor forgets at a boot what it granted";
}
