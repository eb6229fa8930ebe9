"""Energy is the exact integral of power, whatever the steps."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.load import FixedLoad, Profile
from firmware_sim.physics import Contact, OverloadContact, Supply

S = 1_000_000_000
MW_NS_PER_WH = Fraction(3600 * 1000 * S)
steps = st.lists(st.tuples(st.integers(-20_000_000, 20_000_000), st.integers(1, 7200 * S)), min_size=1, max_size=8)
cuts = st.lists(st.integers(0, 60_000 * S), max_size=40)


def running(powers: list[tuple[int, int]], *, repeat: bool, noise_mw: int = 0) -> Profile:
    """A sequence of (mW, ns)."""
    return Profile(
        "p", tuple(p for p, _ in powers), tuple(d for _, d in powers), repeat, by_day=False, noise_mw=noise_mw
    )


def integral(powers: list[tuple[int, int]], end_ns: int, sign: int) -> Fraction:
    """Energy in Wh of a sequence that then stays at its last power; only what flows in the direction of `sign`."""
    total, left_ns = 0, end_ns
    for power_mw, duration_ns in powers:
        part_ns = min(left_ns, duration_ns)
        total += max(0, power_mw * sign) * part_ns
        left_ns -= part_ns
    total += max(0, powers[-1][0] * sign) * left_ns
    return Fraction(total) / MW_NS_PER_WH


@given(steps, cuts, st.integers(0, 60_000 * S), st.integers(1, 1000))
def test_energy_is_the_integral_of_the_load(
    powers: list[tuple[int, int]], at_ns: list[int], end_ns: int, factor: int
) -> None:
    """Both registers equal the integral of the load times the time factor, whatever instants the meter is looked at."""
    load = running(powers, repeat=False).starting(seed=1, start_of_day_s=0, from_ns=0)
    supply = Supply(load, import_wh=7, export_wh=3, modulus_wh=1 << 80, time_factor=factor)
    for instant_ns in sorted(cut for cut in at_ns if cut < end_ns):
        supply.advance(instant_ns)
    supply.advance(end_ns)
    assert supply.import_wh == 7 + integral(powers, end_ns, 1) * factor // 1
    assert supply.export_wh == 3 + integral(powers, end_ns, -1) * factor // 1
    assert Fraction(supply.delivered_mw_ns) / MW_NS_PER_WH == integral(powers, end_ns, 1) * factor


@given(steps, cuts, st.integers(0, 60_000 * S), st.integers(0, 500_000))
def test_noise_does_not_depend_on_who_looks(
    powers: list[tuple[int, int]], at_ns: list[int], end_ns: int, noise_mw: int
) -> None:
    """A noisy repeating load gives the same energy when read once and when read forty times."""
    profile = running([(p, d + S) for p, d in powers], repeat=True, noise_mw=noise_mw)
    once, often = (Supply(profile.starting(seed=5, start_of_day_s=0, from_ns=0), modulus_wh=1 << 80) for _ in range(2))
    for instant_ns in sorted(cut for cut in at_ns if cut < end_ns):
        often.advance(instant_ns)
    once.advance(end_ns)
    often.advance(end_ns)
    assert (once.import_wh, once.export_wh, once.delivered_mw_ns) == (
        often.import_wh,
        often.export_wh,
        often.delivered_mw_ns,
    )


def test_noise_repeats_with_its_seed_and_differs_with_another() -> None:
    """A run can be replayed from its seed."""
    profile = running([(1_000_000, 3600 * S)], repeat=True, noise_mw=100_000)
    first, again, other = (profile.starting(seed=seed, start_of_day_s=0, from_ns=0) for seed in (1, 1, 2))
    instants = [n * 10 * S for n in range(50)]
    values = [first.at(ns)[0] for ns in instants]
    assert values == [again.at(ns)[0] for ns in instants]
    assert values != [other.at(ns)[0] for ns in instants]
    assert all(900_000 <= value <= 1_100_000 for value in values)
    assert len(set(values)) > 10


@given(st.lists(st.integers(6 * S, 3600 * S), min_size=1, max_size=20), st.integers(0, 5 * S))
def test_an_open_contact_stops_the_energy(durations_ns: list[int], delay_ns: int) -> None:
    """Energy flows exactly while the contact is closed, also when it moves late."""
    contact = Contact()
    supply = Supply(FixedLoad(3_600_000), modulus_wh=1 << 80)
    supply.contacts.append(contact)
    now_ns, closed, closed_ns = 0, True, 0
    for duration_ns in durations_ns:
        supply.advance(now_ns)
        contact.command(closed=not closed, now_ns=now_ns, delay_ns=delay_ns)
        closed_ns += delay_ns if closed else duration_ns - delay_ns
        closed = not closed
        now_ns += duration_ns
    supply.advance(now_ns)
    assert supply.delivered_mw_ns == 3_600_000 * closed_ns


def test_registers_wrap_at_their_modulus() -> None:
    """A register starts again from 0; what was delivered does not."""
    supply = Supply(FixedLoad(1_000_000), import_wh=999_995, modulus_wh=1_000_000)
    supply.advance(36 * S)
    assert supply.import_wh == 5
    assert supply.delivered_mw_ns == 10 * MW_NS_PER_WH


def test_the_overload_contactor_trips_holds_and_closes_again() -> None:
    """Above the pickup the contactor opens after its delay, closes after its hold time, and trips again."""
    contactor = OverloadContact(trip_after_ns=S, hold_ns=9 * S)
    supply = Supply(FixedLoad(2_000_000), modulus_wh=1 << 80)
    supply.contacts.append(contactor)
    contactor.configure(pickup_mw=1_000_000, enabled=True, now_ns=0)
    contactor.associate(drives_output=True, now_ns=0)
    supply.advance(95 * S)
    assert supply.delivered_mw_ns == 10 * S * 2_000_000  # ten trips in 95 s: one second in ten flows
    assert (supply.closed, contactor.active, contactor.unacknowledged) == (False, True, True)
    supply.use(FixedLoad(900_000), 95 * S)
    supply.advance(120 * S)
    assert (supply.closed, contactor.active, contactor.unacknowledged) == (True, False, True)


def test_an_overload_alarm_without_output_moves_nothing() -> None:
    """The alarm shows and the supply stays closed until the output is associated."""
    contactor = OverloadContact(trip_after_ns=S, hold_ns=9 * S)
    supply = Supply(FixedLoad(2_000_000), modulus_wh=1 << 80)
    supply.contacts.append(contactor)
    contactor.configure(pickup_mw=1_000_000, enabled=True, now_ns=0)
    supply.advance(50 * S)
    assert (supply.closed, contactor.active) == (True, True)
    contactor.associate(drives_output=True, now_ns=50 * S)
    supply.advance(51 * S)
    assert (supply.closed, contactor.active) == (False, True)


def test_a_daily_load_follows_the_clock() -> None:
    """At 06:45 the step of 06:30 is on; before the first step, the last one of the day before."""
    profile = Profile("day", (180, 900, 300), (23_400 * S, 5_400 * S, 57_600 * S), repeat=True, by_day=True)
    load = profile.starting(seed=0, start_of_day_s=6 * 3600 + 45 * 60, from_ns=0)
    assert load.at(0) == (900, 75 * 60 * S)
    assert load.at(24 * 3600 * S)[0] == 900
    assert load.at(18 * 3600 * S)[0] == 180
