//! Datagrams to one other machine and back, without blocking: the process stays open to signals
//! while it waits, and every wait has an end.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use pgrx::prelude::*;

use crate::host::clock;
use crate::net::deadline::Deadline;
use crate::postgres::wait::Event;

/// A socket that takes datagrams of one address only. The kernel chooses its port at random.
pub struct Socket {
    inner: UdpSocket,
    /// What is waited for, when it waits.
    event: Event,
}

/// A datagram that came.
pub struct Received {
    /// How many bytes it put into the buffer; what does not fit is cut off.
    pub length: usize,
    /// How long ago it came, in nanoseconds: until this process was woken.
    pub late: i64,
}

/// Room for what the kernel says about a datagram.
#[repr(C, align(8))]
struct Control([u8; 64]);

impl Socket {
    /// A socket to an address.
    ///
    /// # Errors
    /// What the system says.
    pub fn connect(address: SocketAddr, event: Event) -> Result<Self, String> {
        let open = || -> io::Result<UdpSocket> {
            let socket = match address {
                SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
                SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
            }?;
            socket.set_nonblocking(true)?;
            socket.connect(address)?;
            stamp_arrivals(&socket)?;
            Ok(socket)
        };
        let inner = open().map_err(|error| error.to_string())?;
        Ok(Self { inner, event })
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// What the system says, or that it takes too long.
    pub fn send(&self, bytes: &[u8], deadline: Deadline) -> Result<(), String> {
        loop {
            match self.inner.send(bytes) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => deadline.check()?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(pg_sys::WL_SOCKET_WRITEABLE, deadline)?;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Waits for a datagram; `None` if none comes in time. However many come, the process stays open
    /// to signals.
    ///
    /// # Errors
    /// What the system says, such as that nobody listens.
    pub fn receive(
        &self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<Option<Received>, String> {
        loop {
            check_for_interrupts!();
            if deadline.is_over() {
                return Ok(None);
            }
            match self.take(buffer) {
                Ok(received) => return Ok(Some(received)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.wait(pg_sys::WL_SOCKET_READABLE, deadline).is_err() {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn wait(&self, events: u32, deadline: Deadline) -> Result<(), String> {
        deadline.wait_for(self.event, self.inner.as_raw_fd(), events)
    }

    /// Takes a datagram that is there.
    fn take(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let mut control = Control([0; 64]);
        let mut part = libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        // SAFETY: zero is a value of every field; the pointers are to what lives until the call has
        // returned, with the lengths that they have
        let (length, stamp) = unsafe {
            let mut message: libc::msghdr = mem::zeroed();
            message.msg_iov = &mut part;
            message.msg_iovlen = 1;
            message.msg_control = control.0.as_mut_ptr().cast();
            message.msg_controllen = control.0.len() as _;
            let length = libc::recvmsg(self.inner.as_raw_fd(), &mut message, 0);
            (length, stamp_of(&message))
        };
        if length < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Received {
            length: (length as usize).min(buffer.len()),
            late: stamp.map_or(0, |stamp| clock::wall_of_kernel().saturating_sub(stamp)),
        })
    }
}

/// Has the kernel say when each datagram came.
fn stamp_arrivals(socket: &UdpSocket) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the value is of the size that is passed
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            size_of_val(&on) as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// When a datagram came, by the kernel's wall clock, in nanoseconds since 1970.
///
/// # Safety
/// recvmsg() has filled in the message, or left its control buffer empty or zero.
unsafe fn stamp_of(message: &libc::msghdr) -> Option<i64> {
    // SAFETY: as the caller promises; the macros stay within the control buffer, and the time is
    // read from a header that has room for it
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while let Some(current) = header.as_ref() {
            let room =
                current.cmsg_len >= libc::CMSG_LEN(size_of::<libc::timespec>() as u32) as usize;
            if (current.cmsg_level, current.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS)
                && room
            {
                let time = libc::CMSG_DATA(header).cast::<libc::timespec>();
                let libc::timespec { tv_sec, tv_nsec } = time.read_unaligned();
                return Some(clock::nanos((tv_sec, tv_nsec)));
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}
