//! Numbers the twins are generic over: `f64`, `f32`, and dual numbers for forward-mode derivatives.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// A real number with the few functions the pipeline needs. Branches are decided by [`Num::value`], so a dual number
/// differentiates the branch taken.
pub trait Num:
    Copy
    + Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
{
    /// A constant: all derivatives zero.
    fn constant(value: f64) -> Self;
    fn value(self) -> f64;
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    /// atan2(self, along), for a positive `self`.
    fn angle_from(self, along: Self) -> Self;

    fn zero() -> Self {
        Self::constant(0.0)
    }
    fn one() -> Self {
        Self::constant(1.0)
    }
    fn times(self, factor: f64) -> Self {
        self * Self::constant(factor)
    }
    fn plus(self, term: f64) -> Self {
        self + Self::constant(term)
    }
    /// max(self, bound); the derivative is kept at equality.
    fn at_least(self, bound: f64) -> Self {
        if self.value() < bound { Self::constant(bound) } else { self }
    }
    /// min(self, bound); the derivative is kept at equality.
    fn at_most(self, bound: f64) -> Self {
        if self.value() > bound { Self::constant(bound) } else { self }
    }
    fn abs(self) -> Self {
        if self.value() < 0.0 { -self } else { self }
    }
    fn sigmoid(self) -> Self {
        Self::one() / (-self).exp().plus(1.0)
    }
}

impl Num for f64 {
    fn constant(value: f64) -> Self {
        value
    }
    fn value(self) -> f64 {
        self
    }
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    fn exp(self) -> Self {
        f64::exp(self)
    }
    fn ln(self) -> Self {
        f64::ln(self)
    }
    fn sin(self) -> Self {
        f64::sin(self)
    }
    fn cos(self) -> Self {
        f64::cos(self)
    }
    fn angle_from(self, along: Self) -> Self {
        f64::atan2(self, along)
    }
}

/// What rounding alone does: the twin in the GPU's precision.
impl Num for f32 {
    fn constant(value: f64) -> Self {
        value as f32
    }
    fn value(self) -> f64 {
        f64::from(self)
    }
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    fn exp(self) -> Self {
        f32::exp(self)
    }
    fn ln(self) -> Self {
        f32::ln(self)
    }
    fn sin(self) -> Self {
        f32::sin(self)
    }
    fn cos(self) -> Self {
        f32::cos(self)
    }
    fn angle_from(self, along: Self) -> Self {
        f32::atan2(self, along)
    }
}

/// A value with its derivatives along `L` directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual<const L: usize> {
    pub value: f64,
    pub slope: [f64; L],
}

impl<const L: usize> Dual<L> {
    /// The independent variable of lane `lane`.
    pub fn variable(value: f64, lane: usize) -> Self {
        let mut slope = [0.0; L];
        slope[lane] = 1.0;
        Self { value, slope }
    }

    /// A function of one variable with value `value` and derivative `derivative` at `self`.
    fn chain(self, value: f64, derivative: f64) -> Self {
        Self { value, slope: self.slope.map(|s| s * derivative) }
    }

    fn combine(self, other: Self, value: f64, by_self: f64, by_other: f64) -> Self {
        let mut slope = self.slope;
        for (s, o) in slope.iter_mut().zip(other.slope) {
            *s = *s * by_self + o * by_other;
        }
        Self { value, slope }
    }
}

impl<const L: usize> Add for Dual<L> {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        self.combine(o, self.value + o.value, 1.0, 1.0)
    }
}

impl<const L: usize> Sub for Dual<L> {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        self.combine(o, self.value - o.value, 1.0, -1.0)
    }
}

impl<const L: usize> Mul for Dual<L> {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        self.combine(o, self.value * o.value, o.value, self.value)
    }
}

impl<const L: usize> Div for Dual<L> {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        let quotient = self.value / o.value;
        self.combine(o, quotient, 1.0 / o.value, -quotient / o.value)
    }
}

impl<const L: usize> Neg for Dual<L> {
    type Output = Self;
    fn neg(self) -> Self {
        self.chain(-self.value, -1.0)
    }
}

impl<const L: usize> AddAssign for Dual<L> {
    fn add_assign(&mut self, o: Self) {
        *self = *self + o;
    }
}

impl<const L: usize> Num for Dual<L> {
    fn constant(value: f64) -> Self {
        Self { value, slope: [0.0; L] }
    }
    fn value(self) -> f64 {
        self.value
    }
    fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.chain(root, 0.5 / root)
    }
    fn sin(self) -> Self {
        self.chain(self.value.sin(), self.value.cos())
    }
    fn cos(self) -> Self {
        self.chain(self.value.cos(), -self.value.sin())
    }
    fn exp(self) -> Self {
        let e = self.value.exp();
        self.chain(e, e)
    }
    fn ln(self) -> Self {
        self.chain(self.value.ln(), 1.0 / self.value)
    }
    fn angle_from(self, along: Self) -> Self {
        let squared = self.value * self.value + along.value * along.value;
        self.combine(along, self.value.atan2(along.value), along.value / squared, -self.value / squared)
    }
}

/// `a · b` for row-major matrices.
pub fn matmul<T: Num, const R: usize, const K: usize, const C: usize>(a: &[[T; K]; R], b: &[[T; C]; K]) -> [[T; C]; R] {
    std::array::from_fn(|r| std::array::from_fn(|c| (0..K).fold(T::zero(), |sum, k| sum + a[r][k] * b[k][c])))
}

pub fn transpose<T: Num, const R: usize, const C: usize>(a: &[[T; C]; R]) -> [[T; R]; C] {
    std::array::from_fn(|r| std::array::from_fn(|c| a[c][r]))
}

pub fn matvec<T: Num, const R: usize, const C: usize>(a: &[[T; C]; R], v: &[T; C]) -> [T; R] {
    a.map(|row| dot(&row, v))
}

pub fn dot<T: Num, const C: usize>(a: &[T; C], b: &[T; C]) -> T {
    a.iter().zip(b).fold(T::zero(), |sum, (&x, &y)| sum + x * y)
}
