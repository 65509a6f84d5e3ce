"""How a database of PostgreSQL is emptied after a test, for the next: the SQL, and how often.

A schema that nobody looks for, `kept`, remembers what a migrated database holds, and whether a test
has changed its tables themselves.
"""

USES = 50
"""Tests after which a database is made anew: what they deleted still takes room in it."""

REMEMBER = """
CREATE SCHEMA kept;
CREATE TABLE kept.altered (at timestamptz DEFAULT now());
DO $$ DECLARE name text; held boolean; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', name) INTO held;
    IF held THEN EXECUTE format('CREATE TABLE kept.rows_%s AS TABLE public.%I', name, name); END IF;
  END LOOP;
END $$;
CREATE FUNCTION kept.empty() RETURNS boolean LANGUAGE plpgsql AS $$ DECLARE name text; BEGIN
  PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('DELETE FROM public.%I', name);
  END LOOP;
  FOR name IN SELECT substr(tablename, 6) FROM pg_tables
    WHERE schemaname = 'kept' AND tablename LIKE 'rows@_%' ESCAPE '@' LOOP
    EXECUTE format('INSERT INTO public.%I SELECT * FROM kept.rows_%s', name, name);
  END LOOP;
  PERFORM setval(format('public.%I', sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE schemaname = 'public';
  RETURN NOT EXISTS (SELECT FROM kept.altered);
END $$;
CREATE FUNCTION kept.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO kept.altered DEFAULT VALUES;
END $$;
CREATE EVENT TRIGGER note_changes ON ddl_command_end EXECUTE FUNCTION kept.note();
"""

EMPTY = "SELECT kept.empty()"
"""Ends every connection but its own. Tells whether the tables are still those of the migrations."""
