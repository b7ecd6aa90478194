use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::Wake;
use std::time::Duration;

use super::*;

const LIMITS: Limits = Limits { frames: 4, bytes: 400, frame_body: 256 };

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn frame(tag: u64) -> Frame {
    Frame::new(16, [0; 24], &[b"x"]).tag(tag)
}

fn tags<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> Vec<u64> {
    frames.into_iter().map(|frame| frame.tag).collect()
}

fn filled() -> SendQueue {
    let queue = SendQueue::new(LIMITS);
    for tag in 1..=4 {
        assert_eq!(queue.push(frame(tag)).expect("there is room").0, tag);
    }
    queue
}

#[test]
fn what_the_other_side_waits_for_finds_room_in_a_full_queue_up_to_four_times_as_much() {
    let queue = filled();
    for tag in 5..=16 {
        queue.push(frame(tag).owed()).expect("there is room for it");
    }
    let unsent = queue.push(frame(17).owed()).expect_err("even that is bounded");
    assert_eq!((unsent.why, unsent.frame.tag), (Why::Full, 17));
    let (_, back) = queue.reset();
    assert_eq!(tags(&back), (1..=16).collect::<Vec<_>>(), "in the order in which they came");
}

#[test]
fn what_others_would_wait_for_in_vain_finds_sixteen_times_as_much_room() {
    let queue = filled();
    for tag in 5..=16 {
        queue.push(frame(tag).owed()).expect("there is room for it");
    }
    assert_eq!(queue.push(frame(17).vital()).expect("there is room for far more").0, 17);
    queue.push(frame(18).owed()).expect_err("the others are refused, as before");
    for tag in 18..=64 {
        queue.push(frame(tag).vital()).expect("there is room for it");
    }
    assert_eq!(queue.push(frame(65).vital()).expect_err("even that is bounded").why, Why::Full);
}

#[test]
fn who_has_asked_for_more_than_it_takes_is_known_by_it() {
    let queue = filled();
    assert!(!queue.is_owing(), "what it has not asked for is no fault of its own");
    for tag in 5..=17 {
        let taken = queue.push(frame(tag).owed());
        assert_eq!((taken.is_ok(), queue.is_owing(), queue.is_clogged()), (tag < 17, tag > 7, tag == 17), "{tag}");
    }
    let mut out = VecDeque::new();
    assert!(queue.claim(1, &mut out));
    assert!(queue.is_owing() && !queue.is_clogged(), "there is room for an answer again");
    assert!(queue.claim(usize::MAX, &mut out));
    assert!(!queue.is_owing());
    (5..=20).for_each(|tag| drop(queue.push(frame(tag).owed())));
    queue.push(frame(21).owed()).expect_err("it is full again");
    assert!(queue.is_owing() && queue.is_clogged());
    queue.reset();
    assert!(!queue.is_owing() && !queue.is_clogged());
}

#[test]
fn refuses_beyond_its_limits() {
    let queue = filled();
    let unsent = queue.push(frame(5)).expect_err("the queue is full");
    assert_eq!((unsent.why, unsent.frame.tag), (Why::Full, 5));

    let queue = SendQueue::new(LIMITS);
    let long = Frame::new(16, [0; 24], &[&[0; 257]]);
    assert_eq!(queue.push(long).expect_err("too long").why, Why::TooLarge);
    for _ in 0..2 {
        queue.push(Frame::new(16, [0; 24], &[&[0; 256]])).expect("one frame may exceed the bytes");
    }
    assert_eq!(queue.push(frame(1)).expect_err("too many bytes").why, Why::Full);
}

#[test]
fn claimed_counts_what_left_and_reset_gives_back_the_rest_once() {
    let queue = filled();
    assert_eq!(queue.loss(), Loss { claimed: FrameNo(0), accepted: FrameNo(0) });
    let mut out = VecDeque::new();
    assert!(queue.claim(96, &mut out));
    assert_eq!((tags(&out), queue.claimed()), (vec![1, 2], FrameNo(2)));
    let (claimed, unsent) = queue.reset();
    assert_eq!((claimed, tags(&unsent)), (FrameNo(2), vec![3, 4]));
    assert_eq!(queue.loss(), Loss { claimed: FrameNo(2), accepted: FrameNo(4) });
    assert_eq!(queue.reset().1.len(), 0);
    assert_eq!(queue.push(frame(5)).expect("a reset queue goes on"), FrameNo(5));
    assert!(queue.claim(1, &mut out));
    assert_eq!((tags(&out), queue.claimed()), (vec![1, 2, 5], FrameNo(5)));
    assert!(!queue.claim(1, &mut out));
}

#[test]
fn an_overdue_frame_is_claimed_but_not_sent() {
    let queue = SendQueue::new(LIMITS);
    let now = Clock::instant();
    queue.push(frame(1).due(now)).expect("room");
    queue.push(frame(2).due(now + Duration::from_secs(3600))).expect("room");
    queue.push(frame(3)).expect("room");
    let mut out = VecDeque::from([frame(0).due(now)]);
    assert!(queue.claim(usize::MAX, &mut out));
    assert_eq!((tags(&out), queue.claimed()), (vec![0, 2, 3], FrameNo(3)));
}

#[test]
fn who_waits_for_room_is_woken_at_half_and_at_the_end() {
    let (queue, count) = (filled(), Arc::new(Count::default()));
    let waker = Waker::from(Arc::clone(&count));
    let cx = &mut Context::from_waker(&waker);
    let mut out = VecDeque::new();
    assert!(queue.poll_room(cx).is_pending() && queue.poll_room(cx).is_pending());
    queue.claim(1, &mut out);
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    queue.claim(1, &mut out);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert!(queue.poll_room(cx).is_ready());

    let queue = filled();
    assert!(queue.poll_room(cx).is_pending());
    assert_eq!(tags(&queue.close().1), [1, 2, 3, 4]);
    assert_eq!(count.0.load(Ordering::SeqCst), 2);
    assert!(queue.poll_room(cx).is_ready());
    assert_eq!(queue.push(frame(9)).expect_err("closed").why, Why::Closed);
}
