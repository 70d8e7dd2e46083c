//! A program at the other end of two pipes, which may die or hang at any moment.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a program may take to end once its input is closed.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest line that is read.
const LONGEST_LINE: u64 = 1 << 16;

/// What is read next.
enum Want {
    Line,
    Bytes(usize),
}

/// A running program.
pub struct Process {
    command: String,
    child: Child,
    /// Dropped to close the program's input.
    input: Option<Sender<Vec<u8>>>,
    wants: Sender<Want>,
    output: Receiver<std::io::Result<Vec<u8>>>,
    timeout: Duration,
}

/// The system's shell with a command.
fn shell(command: &str) -> Command {
    let (program, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut shell = Command::new(program);
    shell.args([flag, command]);
    shell
}

fn write(mut pipe: ChildStdin, messages: &Receiver<Vec<u8>>) {
    // A program that has gone is noticed where its answer is missing.
    while let Ok(message) = messages.recv() {
        if pipe.write_all(&message).and_then(|()| pipe.flush()).is_err() {
            return;
        }
    }
}

fn read(pipe: ChildStdout, wants: &Receiver<Want>, found: &Sender<std::io::Result<Vec<u8>>>) {
    let mut pipe = BufReader::new(pipe);
    while let Ok(want) = wants.recv() {
        let mut bytes = Vec::new();
        let done = match want {
            Want::Line => pipe.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes).and_then(|_| {
                if bytes.ends_with(b"\n") { Ok(()) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
            }),
            Want::Bytes(count) => {
                bytes.resize(count, 0);
                pipe.read_exact(&mut bytes)
            }
        };
        if found.send(done.map(|()| bytes)).is_err() {
            return;
        }
    }
}

impl Process {
    /// Starts a command in the system's shell. What it prints to the standard error is shown.
    pub fn start(command: &str, timeout: Duration) -> Result<Self> {
        let mut child = shell(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the guide `{command}`"))?;
        let (stdin, stdout) = child.stdin.take().zip(child.stdout.take()).context("a guide without pipes")?;
        let (input, messages) = channel();
        let (wants, wanted) = channel();
        let (found, output) = channel();
        thread::spawn(move || write(stdin, &messages));
        thread::spawn(move || read(stdout, &wanted, &found));
        Ok(Self { command: command.into(), child, input: Some(input), wants, output, timeout })
    }

    pub fn command(&self) -> &str {
        &self.command
    }

    /// Sends bytes, without waiting until they are read.
    pub fn send(&self, message: Vec<u8>) {
        if let Some(input) = &self.input {
            let _ = input.send(message);
        }
    }

    /// The next line of what the program writes.
    pub fn line(&mut self) -> Result<String> {
        let bytes = self.next(Want::Line)?;
        String::from_utf8(bytes).context("it wrote a line that is not text")
    }

    /// The next bytes of what the program writes.
    pub fn bytes(&mut self, count: usize) -> Result<Vec<u8>> {
        self.next(Want::Bytes(count))
    }

    fn next(&mut self, want: Want) -> Result<Vec<u8>> {
        let _ = self.wants.send(want);
        match self.output.recv_timeout(self.timeout) {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                let status = self.ended_within(PATIENCE);
                let how = status.map_or("it closed its output".into(), |status| format!("it ended ({status})"));
                bail!(
                    "{how} before its answer was there; --resume goes on from the last checkpoint, where there is one"
                )
            }
            Err(RecvTimeoutError::Timeout) => bail!(
                "it did not answer in {} seconds (--guide-timeout); --resume goes on from the last checkpoint, where there is one",
                self.timeout.as_secs_f64()
            ),
        }
    }

    fn ended_within(&mut self, patience: Duration) -> Option<std::process::ExitStatus> {
        let start = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if start.elapsed() < patience => thread::sleep(Duration::from_millis(10)),
                _ => return None,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A guide that reads to the end of its input ends by itself.
        self.input = None;
        if self.ended_within(PATIENCE).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
