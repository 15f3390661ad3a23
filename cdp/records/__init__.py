"""The records of this room: what conditions may ask with `did`, in SQL and read plainly. A file each."""
