//! Things by number, one after the other in memory; numbers of what is gone are given again.

/// Things by number.
pub struct Slab<T> {
    all: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { all: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub fn add(&mut self, thing: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self.all[at as usize] = Some(thing);
            return at;
        }
        self.all.push(Some(thing));
        self.all.len() as u32 - 1
    }

    pub fn remove(&mut self, at: u32) -> Option<T> {
        let thing = self.all.get_mut(at as usize)?.take()?;
        self.free.push(at);
        Some(thing)
    }

    pub fn get(&self, at: u32) -> Option<&T> {
        self.all.get(at as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.all.get_mut(at as usize)?.as_mut()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len() - self.free.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.all.iter().enumerate().filter_map(|(at, thing)| Some((at as u32, thing.as_ref()?)))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.all.iter_mut().enumerate().filter_map(|(at, thing)| Some((at as u32, thing.as_mut()?)))
    }

    /// All of them, without their numbers.
    pub fn into_all(self) -> impl Iterator<Item = T> {
        self.all.into_iter().flatten()
    }
}
